// RUN: quipu-opt %s --split-input-file --llama-emit-cpu=target=cpu:x86-64-v4,+avx512bf16,+amx-tile,+amx-bf16,+amx-int8 | FileCheck %s
// RUN: quipu-opt %s --split-input-file --llama-emit-cpu=target=cpu:x86-64-v4,+avx512bf16,+amx-tile,+amx-bf16,+amx-int8 --llama-lower-cpu=target=cpu:x86-64-v4,+avx512bf16,+amx-tile,+amx-bf16,+amx-int8 | FileCheck %s --check-prefix=LLVM

// Test: tiles of bf16: the rows of the weight are brought into their form once, two runs are multiplied by two vectors of
// the input, the sums leave the tiles behind the last input. 40 rows are a tile of two runs of 16, and one of two of 4.
// CHECK: llama.kernel @numbers
// CHECK-SAME: code = #llama.code<[<symbol = "numbers", fixed = 2>], scratchBytes = {{[0-9]+}}>
// CHECK: llvm.func @numbers(
// CHECK: llvm.call_intrinsic "llvm.x86.ldtilecfg"
// CHECK: scf.for
// CHECK: llvm.store {{.*}} : vector<32xbf16>
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tilezero"
// CHECK: scf.for
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tdpbf16ps"
// CHECK: }
// CHECK-COUNT-4: llvm.call_intrinsic "llvm.x86.tilestored64"
// CHECK: llvm.call_intrinsic "llvm.x86.ldtilecfg"
// CHECK: llvm.call_intrinsic "llvm.x86.tilerelease"
// CHECK-NEXT: llvm.return
// LLVM: llvm.call_intrinsic "llvm.x86.tdpbf16ps"({{.*}}) : (i8, i8, i8) -> ()
// LLVM-NOT: = vector.
llama.kernel @numbers(%x: tensor<?x64xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, %w: tensor<40x64xbf16>) -> tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 16, run = 16, vectors = 2, rowTiles = 4, dot = amx_bf16, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, tensor<40x64xbf16>) -> tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
  llama.yield %0 : tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
}
func.func @prefill(%x: tensor<?x64xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, %w: tensor<40x64xbf16>) -> tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 16>} {
  %0 = llama.launch @numbers(%x, %w) : (tensor<?x64xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, tensor<40x64xbf16>) -> tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
  return %0 : tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
}

// -----

// Test: tiles of integers: products of two parts, and while the next two are multiplied, those before are scaled by the
// weight's scale and the input's.
// CHECK: llama.kernel @integers
// CHECK-SAME: code = #llama.code<[<symbol = "integers.quantize", rows = tokens, rowsPerBlock = 16>, <symbol = "integers", fixed = 2>]
// CHECK: llvm.func @integers.quantize(
// CHECK-NOT: tile
// CHECK: llvm.func @integers(
// CHECK: llvm.call_intrinsic "llvm.x86.ldtilecfg"
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.tdpbssd"
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.tilestored64"
// CHECK: scf.for
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.tdpbssd"
// CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.tilestored64"
// CHECK: arith.sitofp
// CHECK: vector.fma
// CHECK: llvm.call_intrinsic "llvm.x86.tilerelease"
// LLVM: llvm.call_intrinsic "llvm.x86.tdpbssd"({{.*}}) : (i8, i8, i8) -> ()
llama.kernel @integers(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, %w: tensor<40x64x!llama.block<q4_0>>) -> tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 16, run = 16, vectors = 1, rowTiles = 2, dot = amx_int8, prefetch = 0>, workspace = [tensor<?x16xi32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<?x2xf32, #llama.token_lanes<lanes = 16, pack = 1>>]} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>) -> tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  %0 = llama.linear %q, %w : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<40x64x!llama.block<q4_0>>) -> tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  llama.yield %0 : tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>>
}
func.func @prefill(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, %w: tensor<40x64x!llama.block<q4_0>>) -> tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 16>} {
  %0 = llama.launch @integers(%x, %w) : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<40x64x!llama.block<q4_0>>) -> tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  return %0 : tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>>
}

// -----

// Test: rows that lie interleaved are transposed in squares of 8 x 8 words, so that a register has each of them side by side.
// CHECK: llvm.func @interleaved(
// CHECK: vector.extract_strided_slice {{.*}} : vector<16xi32> to vector<8xi32>
// CHECK: vector.shuffle {{.*}} : vector<8xi32>, vector<8xi32>
// CHECK: llvm.store {{.*}} : vector<8xi32>
// CHECK: llvm.call_intrinsic "llvm.x86.tdpbssd"
// LLVM: llvm.call_intrinsic "llvm.x86.tdpbssd"({{.*}}) : (i8, i8, i8) -> ()
llama.kernel @interleaved(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, %w: tensor<32x64x!llama.block<q4_0>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 16, run = 16, vectors = 1, rowTiles = 2, dot = amx_int8, prefetch = 0>, workspace = [tensor<?x16xi32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<?x2xf32, #llama.token_lanes<lanes = 16, pack = 1>>]} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>) -> tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  %0 = llama.linear %q, %w : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<32x64x!llama.block<q4_0>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  llama.yield %0 : tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>>
}
func.func @prefill(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, %w: tensor<32x64x!llama.block<q4_0>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 16>} {
  %0 = llama.launch @interleaved(%x, %w) : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<32x64x!llama.block<q4_0>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  return %0 : tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>>
}
