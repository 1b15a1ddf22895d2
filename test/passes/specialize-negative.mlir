// RUN: quipu-opt %s --llama-specialize --split-input-file --verify-diagnostics | FileCheck %s
// RUN: %status 1 quipu-opt %s --llama-specialize=decode-rows=0 --split-input-file 2>&1 | FileCheck %s --check-prefix=OPTIONS

// Test: options that make no program are refused.
// OPTIONS: error: llama-specialize needs decode-rows >= 1, prefill-rows >= 0, row-align >= 1 and page >= 0, found 0, 256, 16 and 0

// Test: what is no program, or already specialised, stays.
// CHECK: func.func @helper(
// CHECK: func.func @decode({{.*}} #llama.program<decode, rows = 1 to 4>
// CHECK-NOT: func.func
func.func @helper(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<decode, rows = 1 to 4>} {
  return %x : tensor<?x8xf32>
}

// -----

// Test: a name that is taken is not taken away.
func.func private @prefill()
// expected-error @+1 {{cannot make program @prefill: the name is taken}}
func.func @forward(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 512>} {
  return %x : tensor<?x8xf32>
}

// -----

// Test: two imported programs in a module are one too many.
func.func @forward(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 512>} {
  return %x : tensor<?x8xf32>
}
// expected-error @+1 {{a module has one program of kind forward, found @forward and @again}}
func.func @again(%x: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 512>} {
  return %x : tensor<?x8xf32>
}
