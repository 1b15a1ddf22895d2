// Test: each pass says on standard error what it decided and why, when --debug-only names it, and no other does.

// RUN: quipu-opt %s --debug-only=llama-fuse-gate-up,llama-fuse-qkv --llama-fuse-qkv --llama-fuse-gate-up --llama-form-kernels -o %t.mlir 2>&1 | FileCheck %s --check-prefix=FUSE --implicit-check-not=llama-form-kernels:
// FUSE: llama-fuse-gate-up: llama.gate of mlp.gate reads one projection, llama.linear of mlp.gate_up
// FUSE: llama-fuse-gate-up: llama.gate of mlp.lone stays: an operand is no result of a llama.linear

// RUN: quipu-opt %s --debug-only=llama-form-kernels --llama-fuse-gate-up --llama-form-kernels --mlir-print-debuginfo -o %t.mlir 2>&1 | FileCheck %s --check-prefix=FORM --implicit-check-not=llama-fuse
// FORM: llama-form-kernels: llama.linear of mlp.down_proj takes no more ops: its result has 2 readers
// FORM: llama-form-kernels: llama.linear of mlp.gate_up makes kernel @forward.gate_up of llama.linear, llama.gate
// FORM: llama-form-kernels: llama.linear of mlp.down_proj makes kernel @forward.down_proj of llama.linear
// FORM: llama-form-kernels: llama.gate of mlp.lone makes kernel @forward.gate of llama.gate

// Memory: the first gate lives until the second one, and the program's results lie elsewhere.
// RUN: quipu-opt %t.mlir --llama-plan-memory --debug-only=llama-plan-memory -o %t.planned.mlir 2>&1 | FileCheck %s --check-prefix=MEMORY
// MEMORY: llama-plan-memory: @forward: launch 0, llama.launch of mlp.gate_up, result 0: 512 bytes at 0, to launch 2
// MEMORY: llama-plan-memory: @forward: launch 1, llama.launch of mlp.down_proj, result 0: in memory of the caller
// MEMORY: llama-plan-memory: @forward: launch 2, llama.launch of mlp.lone, result 0: in memory of the caller
// MEMORY: llama-plan-memory: @forward: an arena of 512 bytes for 3 values in 1 places

// Without the option there is no line.
// RUN: quipu-opt %s --llama-fuse-gate-up --llama-form-kernels --llama-plan-memory -o %t.quiet.mlir 2>&1 | count 0

// RUN: %status 2 quipu-opt %s --debug-only=llama-fuse-gateup 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: quipu-opt: error: --debug-only: 'llama-fuse-gateup' is no pass of Quipu; docs/reference/passes.md and codegen-passes.md list them

llama.weight @mlp.gate_proj : tensor<16x8xf32> role matrix sources ["g"]
llama.weight @mlp.up_proj : tensor<16x8xf32> role matrix sources ["u"]
llama.weight @mlp.down_proj : tensor<16x16xf32> role matrix sources ["d"]
func.func @forward(%x: tensor<?x8xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %wg = llama.weight_ref @mlp.gate_proj : tensor<16x8xf32>
  %wu = llama.weight_ref @mlp.up_proj : tensor<16x8xf32>
  %wd = llama.weight_ref @mlp.down_proj : tensor<16x16xf32>
  %g = llama.linear %x, %wg : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32> loc("mlp.gate_proj")
  %u = llama.linear %x, %wu : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32> loc("mlp.up_proj")
  %h = llama.gate %g, %u activation silu : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32> loc("mlp.gate")
  %d = llama.linear %h, %wd : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32> loc("mlp.down_proj")
  %l = llama.gate %h, %d activation silu : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32> loc("mlp.lone")
  return %d, %l : tensor<?x16xf32>, tensor<?x16xf32>
}
