// RUN: quipu-opt %s --llama-plan-memory | FileCheck %s

// Test: a function that is no program gets no arena, and its launches no places.
// CHECK-NOT: arena_bytes
// CHECK-NOT: offsets
llama.kernel @add(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @helper(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.launch @add(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// Test: a program without launches needs no memory.
// CHECK: func.func @empty({{.*}}llama.arena_bytes = 0 : i64
func.func @empty(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  return %x : tensor<?x8xf32>
}
