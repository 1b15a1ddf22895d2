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

// Test: nothing is overwritten that a later launch reads, that the launch reads in another operand too, or that is the
// program's argument.
// CHECK-LABEL: func.func @read_later
// CHECK: [[A:%.*]] = llama.launch @add({{.*}}) {offsets = array<i64: 0>}
// CHECK: [[B:%.*]] = llama.launch @over(%arg0, [[A]]) {offsets = array<i64: 64>}
// CHECK: [[C:%.*]] = llama.launch @over([[B]], [[A]]) {offsets = array<i64: 0>}
// CHECK: [[D:%.*]] = llama.launch @over([[C]], [[C]]) {offsets = array<i64: 64>}
// CHECK: llama.launch @over([[D]], %arg0) {offsets = array<i64: 0>}
llama.kernel @over(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {overwrites = array<i64: 1>} {
  %0 = llama.add %x, %y : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @read_later(%x: tensor<?x8xf32>) attributes {llama.program = #llama.program<decode, rows = 1 to 1>} {
  %0 = llama.launch @add(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = llama.launch @over(%x, %0) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = llama.launch @over(%1, %0) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = llama.launch @over(%2, %2) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %4 = llama.launch @over(%3, %x) : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}
