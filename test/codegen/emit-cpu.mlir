// RUN: quipu-opt %s --split-input-file --llama-emit-cpu=target=cpu:x86-64-v3 | FileCheck %s
// RUN: quipu-opt %s --split-input-file --llama-emit-cpu=target=cpu:x86-64-v3 --llama-lower-cpu=target=cpu:x86-64-v3 | FileCheck %s --check-prefix=LLVM

// Test: a linear kernel of few rows: a grid over tiles of the weight's rows, products of vectors along a row.
// CHECK: llama.kernel @few
// CHECK-SAME: code = #llama.code<[<symbol = "few", fixed = 2, leastBlocks = 8>], scratchBytes = 2048>
// CHECK: module @kernels
// CHECK: llvm.func @few(%{{.*}}: !llvm.ptr
// CHECK: vector.fma
// LLVM: llvm.func @few(
// LLVM: llvm.intr.fmuladd
// LLVM-NOT: = vector.
llama.kernel @few(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> tensor<?x16xf32>
    attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  llama.yield %0 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> tensor<?x16xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @few(%x, %w) : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// Test: a linear kernel of many rows that normalises its input first has two entries and a workspace.
// CHECK: llama.kernel @many
// CHECK-SAME: code = #llama.code<[<symbol = "many.norm", rows = tokens, rowsPerBlock = 8>, <symbol = "many", fixed = 2>]
// CHECK: llvm.func @many.norm(
// CHECK: math.sqrt
// CHECK: llvm.func @many(
// CHECK: vector.broadcast
llama.kernel @many(%x: tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %n: tensor<16xf32>, %w: tensor<8x16xf32>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 8, run = 2, vectors = 3, rowTiles = 3, dot = fma, prefetch = 0>, workspace = [tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>]} {
  %0 = llama.rms_norm %x, %n {eps = 1.0e-05 : f64} : (tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<16xf32>) -> tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  %1 = llama.linear %0, %w : (tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<8x16xf32>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  llama.yield %1 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}
func.func @prefill(%x: tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %n: tensor<16xf32>, %w: tensor<8x16xf32>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 8>} {
  %0 = llama.launch @many(%x, %n, %w) : (tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<16xf32>, tensor<8x16xf32>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  return %0 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}

// -----

// Test: attention: a block for each key/value head and row, with memory for the scores of a thread.
// CHECK: llama.kernel @attention
// CHECK-SAME: <symbol = "attention", fixed = 2, rows = tokens>], scratchBytes = {{[0-9]+}}>
// CHECK: llvm.func @attention(
// CHECK: math.exp
// LLVM: llvm.func @attention(
// LLVM-NOT: @expf
llama.kernel @attention(%q: tensor<?x32xf32>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x32xf32>
    attributes {schedule = #llama.cpu_attention<rows = few, lanes = 8, keys = 16, dot = fma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x32xf32>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xf32>
  llama.yield %0 : tensor<?x32xf32>
}
func.func @decode(%q: tensor<?x32xf32>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x32xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @attention(%q, %kv, %p, %s) : (tensor<?x32xf32>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// Test: an op alone, whose rows are those that the program selected; a kernel that nobody launches has no code.
// CHECK: llama.kernel @gather
// CHECK-SAME: <symbol = "gather", rows = outputs, rowsPerBlock = 4>
// CHECK: llama.kernel @nobody
// CHECK-NOT: code =
// CHECK: func.func @decode
// CHECK: llvm.func @gather(
// CHECK-NOT: llvm.func @nobody
llama.kernel @gather(%x: tensor<?x8xf32>, %r: tensor<?xi32>) -> tensor<?x8xf32>
    attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 4>} {
  %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.kernel @nobody(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %r: tensor<?xi32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @gather(%x, %r) : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: an embedding with a scale multiplies the values between loading and storing them.
// CHECK: llvm.func @embed(
// CHECK: %[[VALUES:.*]] = arith.extf %{{.*}} : vector<8xf16> to vector<8xf32>
// CHECK: %[[SCALE:.*]] = arith.constant dense<2.500000e+00> : vector<8xf32>
// CHECK: %[[SCALED:.*]] = arith.mulf %[[VALUES]], %[[SCALE]] : vector<8xf32>
// CHECK: llvm.store %[[SCALED]]
llama.kernel @embed(%t: tensor<?xi32>, %table: tensor<32x16xf16>) -> tensor<?x16xf32>
    attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.embedding %t, %table {scale = 2.5 : f64} : (tensor<?xi32>, tensor<32x16xf16>) -> tensor<?x16xf32>
  llama.yield %0 : tensor<?x16xf32>
}
func.func @decode(%t: tensor<?xi32>, %table: tensor<32x16xf16>) -> tensor<?x16xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @embed(%t, %table) : (tensor<?xi32>, tensor<32x16xf16>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// Test: attention of many rows: a block for each key/value head and tile of rows, the rows in the lanes of vectors.
// CHECK: llama.kernel @prompt
// CHECK-SAME: <symbol = "prompt", fixed = 2, rows = tokens, rowsPerBlock = 8>], scratchBytes = {{[0-9]+}}>
// CHECK: llvm.func @prompt(
// CHECK: math.exp {{.*}} : vector<8xf32>
llama.kernel @prompt(%q: tensor<?x32xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>)
    -> tensor<?x32xf32, #llama.token_lanes<lanes = 8, pack = 1>> attributes {schedule = #llama.cpu_attention<rows = many, lanes = 8, keys = 16, dot = fma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x32xf32, #llama.token_lanes<lanes = 8, pack = 1>>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  llama.yield %0 : tensor<?x32xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}
func.func @prefill(%q: tensor<?x32xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x32xf32, #llama.token_lanes<lanes = 8, pack = 1>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 8>} {
  %0 = llama.launch @prompt(%q, %kv, %p, %s) : (tensor<?x32xf32, #llama.token_lanes<lanes = 8, pack = 1>>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  return %0 : tensor<?x32xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}

// -----

// Test: of a weight in blocks few rows read each scale once, and vectors of its integers, which become numbers.
// CHECK: llvm.func @few(
// CHECK: scf.for
// CHECK: scf.for
// CHECK: scf.for
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> f16
// CHECK-COUNT-4: arith.extsi %{{.*}} : vector<8xi8> to vector<8xi32>
// CHECK-NOT: arith.extsi
// CHECK: scf.yield
llama.kernel @few(%x: tensor<?x64xf32>, %w: tensor<1x64x!llama.block<q8_0>>) -> tensor<?x1xf32>
    attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<1x64x!llama.block<q8_0>>) -> tensor<?x1xf32>
  llama.yield %0 : tensor<?x1xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<1x64x!llama.block<q8_0>>) -> tensor<?x1xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @few(%x, %w) : (tensor<?x64xf32>, tensor<1x64x!llama.block<q8_0>>) -> tensor<?x1xf32>
  return %0 : tensor<?x1xf32>
}

// -----

// Test: many rows decode the rows of a tile into scratch, 2 * run of 64 numbers; products then read numbers.
// CHECK: llama.kernel @many
// CHECK-SAME: scratchBytes = 1024
// CHECK: llvm.func @many(
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> f16
// CHECK: arith.sitofp
// CHECK: llvm.store
// CHECK: vector.fma
// CHECK-NOT: arith.sitofp
// CHECK: llvm.return
llama.kernel @many(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<4x64x!llama.block<q8_0>>) -> tensor<?x4xf32, #llama.token_lanes<lanes = 8, pack = 1>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 8, run = 2, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<4x64x!llama.block<q8_0>>) -> tensor<?x4xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  llama.yield %0 : tensor<?x4xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}
func.func @prefill(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<4x64x!llama.block<q8_0>>) -> tensor<?x4xf32, #llama.token_lanes<lanes = 8, pack = 1>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 8>} {
  %0 = llama.launch @many(%x, %w) : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<4x64x!llama.block<q8_0>>) -> tensor<?x4xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  return %0 : tensor<?x4xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}

// -----

// Test: products of integers of few rows: each thread rounds the input for itself; pairs of 16-bit integers on AVX2.
// CHECK: llama.kernel @few_integers
// CHECK-SAME: code = #llama.code<[<symbol = "few_integers", leastBlocks = 8>], scratchBytes = 4608>
// CHECK: llvm.func @few_integers(
// CHECK: math.roundeven
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// LLVM: llvm.func @few_integers(
// LLVM: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// LLVM-NOT: = vector.
llama.kernel @few_integers(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q4_1>>) -> tensor<?x8xf32>
    attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = int16, prefetch = 0>} {
  %0 = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = llama.linear %0, %w : (tensor<?x64xf32>, tensor<8x64x!llama.block<q4_1>>) -> tensor<?x8xf32>
  llama.yield %1 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q4_1>>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @few_integers(%x, %w) : (tensor<?x64xf32>, tensor<8x64x!llama.block<q4_1>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: of many rows: an entry rounds the input into workspaces of words, scales and sums (q4_1 has minima).
// CHECK: llama.kernel @many_integers
// CHECK-SAME: code = #llama.code<[<symbol = "many_integers.quantize", rows = tokens, rowsPerBlock = 8>, <symbol = "many_integers", fixed = 4>]
// CHECK: llvm.func @many_integers.quantize(
// CHECK: math.roundeven
// CHECK: llvm.func @many_integers(
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
llama.kernel @many_integers(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<8x64x!llama.block<q4_1>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 8, run = 1, vectors = 3, rowTiles = 3, dot = int16, prefetch = 0>, workspace = [tensor<?x32xi32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?x2xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?x2xf32, #llama.token_lanes<lanes = 8, pack = 1>>]} {
  %0 = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>) -> tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  %1 = llama.linear %0, %w : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<8x64x!llama.block<q4_1>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  llama.yield %1 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}
func.func @prefill(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<8x64x!llama.block<q4_1>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 8>} {
  %0 = llama.launch @many_integers(%x, %w) : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<8x64x!llama.block<q4_1>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  return %0 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}

// -----

// Test: products of bytes in pairs: signed integers of a weight give their sign to the input.
// CHECK-LABEL: llvm.func @few_pairs_signed(
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.psign.b"
// CHECK: math.absi
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
llama.kernel @few_pairs_signed(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
    attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = int8_pairs, prefetch = 0>} {
  %0 = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = llama.linear %0, %w : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  llama.yield %1 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @few_pairs_signed(%x, %w) : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: an offset of a weight is a minimum of few rows: no sums of integers begin with it.
// CHECK-LABEL: llvm.func @few_pairs_offset(
// CHECK-NOT: psign
// CHECK: arith.constant dense<-8.000000e+00> : vector<2xf32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
llama.kernel @few_pairs_offset(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q4_0>>) -> tensor<?x8xf32>
    attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = int8_pairs, prefetch = 0>} {
  %0 = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = llama.linear %0, %w : (tensor<?x64xf32>, tensor<8x64x!llama.block<q4_0>>) -> tensor<?x8xf32>
  llama.yield %1 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q4_0>>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @few_pairs_offset(%x, %w) : (tensor<?x64xf32>, tensor<8x64x!llama.block<q4_0>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: many rows: eight words of 4-bit integers are added as i16, behind a start that takes the offset back; the loop is
// left as it is.
// CHECK-LABEL: llvm.func @many_pairs(
// CHECK: scf.for {{.*}} -> (vector<16xi16>, vector<16xi16>, vector<16xi16>, vector<16xi16>)
// CHECK-COUNT-8: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK: loop_annotation
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
llama.kernel @many_pairs(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<8x64x!llama.block<q4_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 8, run = 1, vectors = 2, rowTiles = 2, dot = int8_pairs, prefetch = 0>, workspace = [tensor<?x16xi32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?x2xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?x2xi32, #llama.token_lanes<lanes = 8, pack = 1>>]} {
  %0 = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>) -> tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  %1 = llama.linear %0, %w : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<8x64x!llama.block<q4_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  llama.yield %1 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}
func.func @prefill(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<8x64x!llama.block<q4_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 8>} {
  %0 = llama.launch @many_pairs(%x, %w) : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<8x64x!llama.block<q4_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  return %0 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}

// -----

// Test: 5-bit integers without an offset: i16 holds the sums of four words, so there are two loops.
// CHECK-LABEL: llvm.func @many_pairs_twice(
// CHECK-COUNT-8: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
// CHECK-COUNT-8: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"
llama.kernel @many_pairs_twice(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<8x64x!llama.block<q5_1>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 8, run = 1, vectors = 2, rowTiles = 2, dot = int8_pairs, prefetch = 0>, workspace = [tensor<?x16xi32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?x2xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?x2xf32, #llama.token_lanes<lanes = 8, pack = 1>>]} {
  %0 = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>) -> tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  %1 = llama.linear %0, %w : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<8x64x!llama.block<q5_1>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  llama.yield %1 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}
func.func @prefill(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<8x64x!llama.block<q5_1>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 8>} {
  %0 = llama.launch @many_pairs_twice(%x, %w) : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<8x64x!llama.block<q5_1>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  return %0 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}

// -----

// Test: a kernel that chooses tokens keeps an order and an index of each of its two tiles, and chooses in an entry of its
// own, a block for each row.
// CHECK: llama.kernel @choice
// CHECK-SAME: code = #llama.code<[<symbol = "choice", fixed = 2, leastBlocks = 8>, <symbol = "choice.choice", rows = tokens>]
// CHECK: llvm.func @choice(
// CHECK: vector.reduction <maxsi>
// CHECK: vector.reduction <minsi>
// CHECK: llvm.func @choice.choice(
// CHECK: vector.reduction <maxsi>
// CHECK: vector.reduction <minsi>
// LLVM: llvm.func @choice.choice(
// LLVM-NOT: = vector.
llama.kernel @choice(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> (tensor<?x16xf32>, tensor<?xi32>)
    attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>, workspace = [tensor<?x4xi32>]} {
  %0 = llama.linear %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  %1 = llama.sample %0 greedy : (tensor<?x16xf32>) -> tensor<?xi32>
  llama.yield %0, %1 : tensor<?x16xf32>, tensor<?xi32>
}
func.func @decode(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> (tensor<?x16xf32>, tensor<?xi32>) attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0, %1 = llama.launch @choice(%x, %w) : (tensor<?x16xf32>, tensor<16x16xf32>) -> (tensor<?x16xf32>, tensor<?xi32>)
  return %0, %1 : tensor<?x16xf32>, tensor<?xi32>
}

// -----

// Test: a kernel that gives probabilities keeps a maximum and a sum of each of its two tiles and the target's logit. It
// joins them in an entry of its own, a block for each row. It stores no logits.
// CHECK: llama.kernel @scores
// CHECK-SAME: code = #llama.code<[<symbol = "scores", fixed = 2, leastBlocks = 8>, <symbol = "scores.scores", rows = tokens>]
// CHECK: llvm.func @scores(
// CHECK: vector.reduction <maxnumf>
// CHECK: vector.shuffle
// CHECK: llvm.func @scores.scores(
// CHECK: vector.reduction <maxnumf>
// CHECK: vector.shuffle
// LLVM: llvm.func @scores.scores(
// LLVM-NOT: = vector.
llama.kernel @scores(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>, workspace = [tensor<?x5xf32>]} {
  %0 = llama.linear %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  %1 = llama.log_prob %0, %t : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  llama.yield %1 : tensor<?xf32>
}
func.func @decode(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @scores(%x, %w, %t) : (tensor<?x16xf32>, tensor<16x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
