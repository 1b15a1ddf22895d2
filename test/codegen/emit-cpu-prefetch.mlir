// RUN: quipu-opt %s --split-input-file --llama-emit-cpu=target=cpu:x86-64-v4,+avx512vnni | FileCheck %s

// Test: requests of groups of interleaved rows. The beginnings of the first groups, as many as are read side by side, are
// asked for before the input is rounded. What lies 256 bytes ahead of a block belongs to the group that is read next, if
// the group of 16 rows, two blocks and 1,088 bytes ends before.
// CHECK: llvm.func @groups(
// CHECK-NOT: math.roundeven
// CHECK: %[[END:.*]] = arith.constant 256 : i64
// CHECK: scf.for %[[OFFSET:.*]] = %{{.*}} to %[[END]]
// CHECK: llvm.getelementptr %[[FIRST:.*]][%[[OFFSET]]]
// CHECK-NEXT: "llvm.intr.prefetch"
// CHECK: scf.for %[[OFFSET]] =
// CHECK: llvm.getelementptr %[[SECOND:.*]][%[[OFFSET]]]
// CHECK-NEXT: "llvm.intr.prefetch"
// CHECK-NOT: "llvm.intr.prefetch"
// CHECK: math.roundeven
// CHECK: arith.constant 256 : i64
// CHECK: %[[PLACE:.*]] = arith.addi %{{.*}}, %c256
// CHECK: %[[SIZE:.*]] = arith.constant 1088 : i64
// CHECK: %[[BEHIND:.*]] = arith.cmpi sge, %[[PLACE]], %[[SIZE]]
// CHECK: arith.constant -1088 : i64
// CHECK: %[[NEXT:.*]] = llvm.getelementptr
// CHECK: %[[GROUP:.*]] = arith.select %[[BEHIND]], %[[NEXT]], %{{.*}} : !llvm.ptr
// CHECK: llvm.getelementptr %[[GROUP]][%[[PLACE]]]
// CHECK: "llvm.intr.prefetch"
llama.kernel @groups(%x: tensor<?x64xf32>, %w: tensor<64x64x!llama.block<q8_0>, #llama.row_parts<64 interleave = 16>>) -> tensor<?x64xf32>
    attributes {schedule = #llama.cpu_linear<rows = few, lanes = 16, run = 32, vectors = 1, rowTiles = 1, dot = int8, prefetch = 256, streams = 2>} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %0 = llama.linear %q, %w : (tensor<?x64xf32>, tensor<64x64x!llama.block<q8_0>, #llama.row_parts<64 interleave = 16>>) -> tensor<?x64xf32>
  llama.yield %0 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<64x64x!llama.block<q8_0>, #llama.row_parts<64 interleave = 16>>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @groups(%x, %w) : (tensor<?x64xf32>, tensor<64x64x!llama.block<q8_0>, #llama.row_parts<64 interleave = 16>>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: of a large block each part asks for its share by itself. Here a group is one block of 2,304 bytes, so what is
// 2,048 bytes ahead of its first part belongs to it, and all else to the next group.
// CHECK: llvm.func @large(
// CHECK: %[[PLACE:.*]] = arith.addi %{{.*}}, %c2048_
// CHECK: %[[SIZE:.*]] = arith.constant 2304 : i64
// CHECK: %[[BEHIND:.*]] = arith.cmpi sge, %[[PLACE]], %[[SIZE]]
// CHECK: arith.select %[[BEHIND]], {{.*}} : !llvm.ptr
// CHECK-COUNT-4: "llvm.intr.prefetch"
// CHECK: %[[PLACE:.*]] = arith.addi %{{.*}}, %c2304_
// CHECK: %[[SIZE:.*]] = arith.constant 2304 : i64
// CHECK: %[[BEHIND:.*]] = arith.cmpi sge, %[[PLACE]], %[[SIZE]]
// CHECK: arith.select %[[BEHIND]], {{.*}} : !llvm.ptr
// CHECK-COUNT-5: "llvm.intr.prefetch"
llama.kernel @large(%x: tensor<?x256xf32>, %w: tensor<32x256x!llama.block<q4_k>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32>
    attributes {schedule = #llama.cpu_linear<rows = few, lanes = 16, run = 16, vectors = 1, rowTiles = 1, dot = int8, prefetch = 2048, streams = 1>} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x256xf32>) -> tensor<?x256xf32>
  %0 = llama.linear %q, %w : (tensor<?x256xf32>, tensor<32x256x!llama.block<q4_k>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32>
  llama.yield %0 : tensor<?x32xf32>
}
func.func @decode(%x: tensor<?x256xf32>, %w: tensor<32x256x!llama.block<q4_k>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @large(%x, %w) : (tensor<?x256xf32>, tensor<32x256x!llama.block<q4_k>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// Test: with 8 lanes a period of 64 integers has 288 bytes, which are no whole lines. Five lines are asked for, so that
// none is left out. A group is one block of 1,152 bytes, so requests are so far ahead at most.
// CHECK: llvm.func @narrow(
// CHECK: %[[PERIOD:.*]] = arith.divui %{{.*}}, %c64
// CHECK: %[[SIZE:.*]] = arith.constant 288 : i64
// CHECK: arith.muli %{{.*}}, %[[SIZE]]
// CHECK: arith.addi %{{.*}}, %c1152_
// CHECK-COUNT-2: "llvm.intr.prefetch"
// CHECK: arith.addi %{{.*}}, %c1280_
// CHECK-COUNT-3: "llvm.intr.prefetch"
llama.kernel @narrow(%x: tensor<?x256xf32>, %w: tensor<32x256x!llama.block<q4_k>, #llama.row_parts<32 interleave = 8>>) -> tensor<?x32xf32>
    attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 8, vectors = 1, rowTiles = 1, dot = int8_pairs, prefetch = 2048, streams = 1>} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x256xf32>) -> tensor<?x256xf32>
  %0 = llama.linear %q, %w : (tensor<?x256xf32>, tensor<32x256x!llama.block<q4_k>, #llama.row_parts<32 interleave = 8>>) -> tensor<?x32xf32>
  llama.yield %0 : tensor<?x32xf32>
}
func.func @decode(%x: tensor<?x256xf32>, %w: tensor<32x256x!llama.block<q4_k>, #llama.row_parts<32 interleave = 8>>) -> tensor<?x32xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @narrow(%x, %w) : (tensor<?x256xf32>, tensor<32x256x!llama.block<q4_k>, #llama.row_parts<32 interleave = 8>>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}
