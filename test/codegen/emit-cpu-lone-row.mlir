// RUN: quipu-opt %s --llama-emit-cpu=target=cpu:x86-64-v4,+avx512bf16 | FileCheck %s

// Test: a row of a weight that is read alone has two sums, and each has numbers of its own: the second 32 inputs of a
// step, 64 bytes behind the first, are multiplied with the second 32 numbers.
// CHECK: llvm.func @lone(
// CHECK: %{{.*}}:2 = scf.for %[[K:.*]] = %{{.*}} iter_args(%[[FIRST:.*]] = %{{.*}}, %[[SECOND:.*]] = %{{.*}}) -> (vector<16xf32>, vector<16xf32>)
// CHECK: llvm.getelementptr
// CHECK-NEXT: llvm.load
// CHECK: %[[NUMBERS:.*]] = llvm.getelementptr
// CHECK-NEXT: %[[A:.*]] = llvm.load %[[NUMBERS]] {{.*}} : !llvm.ptr -> vector<32xbf16>
// CHECK-NEXT: x86vector.avx512.dot %[[FIRST]], %[[A]], %{{.*}} : vector<32xbf16>
// CHECK: arith.addi %[[K]], %c32
// CHECK: %[[BEHIND:.*]] = arith.constant 64 : i64
// CHECK-NEXT: %[[NEXT:.*]] = llvm.getelementptr %[[NUMBERS]][%[[BEHIND]]]
// CHECK-NEXT: %[[B:.*]] = llvm.load %[[NEXT]] {{.*}} : !llvm.ptr -> vector<32xbf16>
// CHECK-NEXT: x86vector.avx512.dot %[[SECOND]], %[[B]], %{{.*}} : vector<32xbf16>
llama.kernel @lone(%x: tensor<?x128xbf16>, %w: tensor<1x128xbf16>) -> tensor<?x1xf32>
    attributes {schedule = #llama.cpu_linear<rows = few, lanes = 16, run = 1, vectors = 1, rowTiles = 1, dot = bf16, prefetch = 0, streams = 1>} {
  %0 = llama.linear %x, %w : (tensor<?x128xbf16>, tensor<1x128xbf16>) -> tensor<?x1xf32>
  llama.yield %0 : tensor<?x1xf32>
}
func.func @decode(%x: tensor<?x128xbf16>, %w: tensor<1x128xbf16>) -> tensor<?x1xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @lone(%x, %w) : (tensor<?x128xbf16>, tensor<1x128xbf16>) -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}
