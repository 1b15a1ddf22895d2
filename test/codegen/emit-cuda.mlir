// RUN: quipu-opt %s --split-input-file --llama-emit-cuda | FileCheck %s
// RUN: quipu-opt %s --split-input-file --llama-emit-cuda --llama-lower-cuda | FileCheck %s --check-prefix=LLVM --implicit-check-not=scf. --implicit-check-not=arith. --implicit-check-not=math.
// RUN: quipu-opt %s --split-input-file --llama-emit-cuda=kernel=k | FileCheck %s --check-prefix=ONE --implicit-check-not=@services
// RUN: not quipu-opt %s --split-input-file --llama-emit-cuda=kernel=other 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not quipu-opt %s --split-input-file --llama-emit-cuda=target=cuda:sm_80 2>&1 | FileCheck %s --check-prefix=AMPERE
// RUN: not quipu-opt %s --split-input-file --llama-lower-cuda 2>&1 | FileCheck %s --check-prefix=NOCODE
// RUN: not quipu-opt %s --split-input-file --llama-emit-cuda=target=cuda:sm_42 2>&1 | FileCheck %s --check-prefix=TARGET

// LLVM: llvm.func @k(
// ONE: llvm.func @k(
// NONE: error: has no kernel @other that a program launches; kernels: k{{$}}
// AMPERE-DAG: which needs a GPU with wgmma, tensor copies and clusters (sm_90a); the target is sm_80
// AMPERE-DAG: whose copies need bulk copies and dependent launch (sm_90a); the target is sm_80
// AMPERE-DAG: wgmma needs a GPU that has it (sm_90a)
// NOCODE: error: has no generated code; run llama-emit-cuda before llama-lower-cuda
// TARGET: sm_42

// Test: few rows meet the weight in registers; tensor cores multiply.
// CHECK: llama.kernel @k
// CHECK-SAME: code = #llama.code<[<symbol = "k", fixed = 4, rows = tokens, rowsPerBlock = 8, threads = 128, sharedBytes = {{[0-9]+}}>]>
// CHECK: module @kernels
// CHECK: module @decode
// CHECK: llvm.func @k(
// CHECK-SAME: nvvm.kernel
// CHECK: nvvm.mma.sync {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
// CHECK: module @services
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: a single row meets the weight in a ring of buffers that bulk copies fill.
// CHECK: llama.kernel @k
// CHECK-SAME: preferShared = true
// CHECK: llvm.func @k(
// CHECK: cp.async.bulk
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_ring<depth = 64, stages = 4, afterWait = 2, inFlightBeforeWait = 1, inFlight = 2, warps = 4, scaleAfter = true>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 1>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: a prompt by wgmma, with tensor maps of input and weight.
// CHECK: llama.kernel @k
// CHECK-SAME: threads = {{[0-9]+}}, sharedBytes = {{[0-9]+}} maps[<pointer = 0, element = bf16, rows = 512, columns = 64, boxRows = 128, boxColumns = 64>, <pointer = 1, element = bf16, rows = 128, columns = 64,
// CHECK: llvm.func @k(
// CHECK: wgmma.mma_async
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 128, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = false, persistent = false, ahead = false, cluster = 1>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  llama.yield %1 : tensor<?x128xf32>
}
func.func @prefill(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// -----

// Test: up to 8 rows by wgmma: weights at a pace, and copies that end with the step's last row; rows in front of its first are negative, and not stored. Blocks that stay have one tile of rows too.
// CHECK: llama.kernel @k
// CHECK-SAME: persistent = true
// CHECK-SAME: maps[<pointer = 0, element = bf16, rows = 8, columns = 256, boxRows = 8, boxColumns = 64>
// CHECK: llvm.func @k(
// CHECK-SAME: %[[TOKENS:arg[0-9]+]]: i32
// CHECK: arith.subi %[[TOKENS]], %c8_i32
// CHECK: nvvm.read.ptx.sreg.clock
// CHECK: nvvm.read.ptx.sreg.clock
// CHECK: arith.cmpi ult
// CHECK: cp.async.bulk.tensor.2d
// CHECK: arith.subi %[[TOKENS]], %c8_i32
// CHECK: wgmma.mma_async
// CHECK: arith.cmpi ult, %{{[0-9]+}}, %[[TOKENS]] : i32
llama.kernel @k(%x: tensor<?x256xbf16>, %w: tensor<64x256xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 64, rows = 32, depth = 64, stages = 4, warps = 4, dot = wgmma, weight_first = false, persistent = true, ahead = true, cluster = 1, burst = 8>} {
  %1 = llama.linear %x, %w : (tensor<?x256xbf16>, tensor<64x256xbf16>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x256xbf16>, %w: tensor<64x256xbf16>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 2 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x256xbf16>, tensor<64x256xbf16>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: a prompt by mma.
// CHECK: llama.kernel @k
// CHECK-SAME: fixed = 2, rows = tokens, rowsPerBlock = 64, threads = 128
// CHECK: llvm.func @k(
// CHECK: nvvm.mma.sync {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 64, rows = 64, depth = 64, stages = 4, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = true, cluster = 1>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  llama.yield %1 : tensor<?x128xf32>
}
func.func @prefill(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// -----

// Test: attention of few rows.
// CHECK: llama.kernel @k
// CHECK-SAME: fixed = 2, rows = tokens, threads = 128
// CHECK: llvm.func @k(
llama.kernel @k(%q: tensor<?x64xf32>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 1, dot = fma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 8 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x64xf32>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x64xf32>
  llama.yield %0 : tensor<?x64xf32>
}
func.func @decode(%q: tensor<?x64xf32>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x64xf32>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: attention of a prompt by mma, and by wgmma.
// CHECK: llama.kernel @k
// CHECK: llvm.func @k(
// CHECK: nvvm.mma.sync {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
llama.kernel @k(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 4, keys = 32, splits = 1, dot = mma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  llama.yield %0 : tensor<?x256xbf16>
}
func.func @prefill(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  return %0 : tensor<?x256xbf16>
}

// -----

// Test: the same by wgmma.
// CHECK: llama.kernel @k
// CHECK-SAME: persistent = true
// CHECK: llvm.func @k(
// CHECK: wgmma.mma_async
llama.kernel @k(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 8, keys = 64, splits = 1, dot = wgmma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  llama.yield %0 : tensor<?x256xbf16>
}
func.func @prefill(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  return %0 : tensor<?x256xbf16>
}

// -----

// Test: rows that are alone in their sequence have a function of their own, in front; the tiles begin behind them.
// CHECK: llama.kernel @k
// CHECK-SAME: <symbol = "k_lone", fixed = 8, rows = lone, threads = 128
// CHECK-SAME: <symbol = "k", fixed = 2, rows = other, rowsPerBlock = 64
// CHECK: llvm.mlir.global internal @k_lone_counters
// CHECK: llvm.func @k_lone(
// CHECK: llvm.func @k(
llama.kernel @k(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 8, keys = 64, splits = 1, dot = wgmma, lone = #llama.cuda_attention<regime = few, tokens = 1, heads = 2, warps = 4, keys = 256, splits = 4, dot = mma>>, workspace = [tensor<?x1056xf32>]} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  llama.yield %0 : tensor<?x256xbf16>
}
func.func @prefill(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  return %0 : tensor<?x256xbf16>
}

// -----

// Test: each part of the keys of a row has a block of its own, and the last one merges them.
// CHECK: llama.kernel @k
// CHECK-SAME: <symbol = "k", fixed = 8, rows = tokens, threads = 128
// CHECK: llvm.mlir.global internal @k_counters({{.*}}: !llvm.array<16 x i32>
// CHECK: llvm.func @k(
llama.kernel @k(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 4, dot = mma, part = 256>, workspace = [tensor<?x1056xf32>]} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  llama.yield %0 : tensor<?x256xbf16>
}
func.func @decode(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  return %0 : tensor<?x256xbf16>
}

// -----

// Test: an op alone: a block is a row.
// CHECK: llama.kernel @k
// CHECK-SAME: threads = 256
// CHECK: llvm.func @k(
llama.kernel @k(%x: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {schedule = #llama.cuda_pointwise<threads = 256>} {
  %0 = llama.add %x, %x : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  llama.yield %0 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// Test: an embedding with a scale multiplies each value before it is rounded.
// CHECK: llvm.func @k(
// CHECK: arith.constant 2.500000e+00 : f32
// CHECK-COUNT-8: arith.mulf {{.*}} : f32
// CHECK: llvm.store
llama.kernel @k(%t: tensor<?xi32>, %table: tensor<32x16xbf16>) -> tensor<?x16xbf16> attributes {schedule = #llama.cuda_pointwise<threads = 256>} {
  %0 = llama.embedding %t, %table {scale = 2.5 : f64} : (tensor<?xi32>, tensor<32x16xbf16>) -> tensor<?x16xbf16>
  llama.yield %0 : tensor<?x16xbf16>
}
func.func @decode(%t: tensor<?xi32>, %table: tensor<32x16xbf16>) -> tensor<?x16xbf16> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%t, %table) : (tensor<?xi32>, tensor<32x16xbf16>) -> tensor<?x16xbf16>
  return %0 : tensor<?x16xbf16>
}

// -----

// Test: a kernel that gives probabilities keeps a maximum and a sum of each part of a row that a quad has (a tile, half a
// tile where the weight is operand A, the rows of a warp's part), and joins them in an entry of its own, a warp for each row.
// CHECK: llama.kernel @k
// CHECK-SAME: <symbol = "k_scores", rows = tokens, rowsPerBlock = 8, threads = 256
// CHECK: llvm.func @k(
// CHECK: nvvm.shfl.sync
// CHECK: llvm.func @k_scores(
// CHECK: nvvm.shfl.sync
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 128, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = false, persistent = true, ahead = false, cluster = 1>, workspace = [tensor<?x6xf32>]} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<256x64xbf16>) -> tensor<?x256xf32>
  %1 = llama.log_prob %0, %t : (tensor<?x256xf32>, tensor<?xi32>) -> tensor<?xf32>
  llama.yield %1 : tensor<?xf32>
}
func.func @prefill(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w, %t) : (tensor<?x64xbf16>, tensor<256x64xbf16>, tensor<?xi32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// CHECK: llama.kernel @k
// CHECK: nvvm.shfl.sync
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 128, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = true, persistent = true, ahead = false, cluster = 2>, workspace = [tensor<?x10xf32>]} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<256x64xbf16>) -> tensor<?x256xf32>
  %1 = llama.log_prob %0, %t : (tensor<?x256xf32>, tensor<?xi32>) -> tensor<?xf32>
  llama.yield %1 : tensor<?xf32>
}
func.func @prefill(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {llama.program = #llama.program<prefill, rows = 513 to 2048>} {
  %0 = llama.launch @k(%x, %w, %t) : (tensor<?x64xbf16>, tensor<256x64xbf16>, tensor<?xi32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// Test: the last tile of the weight has fewer rows than others, and the last tile of 16 has three.
// CHECK: llama.kernel @k
// CHECK: nvvm.shfl.sync
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<259x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 128, rows = 128, depth = 32, stages = 3, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = false, cluster = 1>, workspace = [tensor<?x14xf32>]} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<259x64xbf16>) -> tensor<?x259xf32>
  %1 = llama.log_prob %0, %t : (tensor<?x259xf32>, tensor<?xi32>) -> tensor<?xf32>
  llama.yield %1 : tensor<?xf32>
}
func.func @prefill(%x: tensor<?x64xbf16>, %w: tensor<259x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w, %t) : (tensor<?x64xbf16>, tensor<259x64xbf16>, tensor<?xi32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
