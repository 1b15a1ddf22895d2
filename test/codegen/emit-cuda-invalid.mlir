// RUN: quipu-opt %s --split-input-file --verify-diagnostics --llama-emit-cuda
// What a ring, wgmma and shared memory ask of other GPUs is in emit-cuda.mlir.

// Test: a schedule of the other target.
// expected-error @+1 {{which is not one for CUDA}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: tensor cores multiply one type by itself.
// expected-error @+1 {{multiplies 'f32' by 'bf16'; tensor cores need two operands of one 16-bit type: dot = fma does the others}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %1 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: rows that are no whole loads.
// expected-error @+1 {{multiplies rows of 12 elements; CUDA kernels need a multiple of 8 for this type}}
llama.kernel @k(%x: tensor<?x12xbf16>, %w: tensor<64x12xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %1 = llama.linear %x, %w : (tensor<?x12xbf16>, tensor<64x12xbf16>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x12xbf16>, %w: tensor<64x12xbf16>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x12xbf16>, tensor<64x12xbf16>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: a norm that does not fit into shared memory.
// expected-error @+1 {{bytes of shared memory with schedule}}
llama.kernel @k(%x: tensor<?x131072xbf16>, %n: tensor<131072xbf16>, %w: tensor<16x131072xbf16>) -> tensor<?x16xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %0 = llama.rms_norm %x, %n {eps = 1.0e-05 : f64} : (tensor<?x131072xbf16>, tensor<131072xbf16>) -> tensor<?x131072xbf16>
  %1 = llama.linear %0, %w : (tensor<?x131072xbf16>, tensor<16x131072xbf16>) -> tensor<?x16xf32>
  llama.yield %1 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x131072xbf16>, %n: tensor<131072xbf16>, %w: tensor<16x131072xbf16>) -> tensor<?x16xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %n, %w) : (tensor<?x131072xbf16>, tensor<131072xbf16>, tensor<16x131072xbf16>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// Test: a ring of weights in a program of several rows.
// expected-error @+1 {{in a program of up to 8 rows; a ring of weights serves one}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_ring<depth = 64, stages = 4, afterWait = 2, inFlightBeforeWait = 1, inFlight = 2, warps = 4, scaleAfter = true>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: a ring of weights of f32.
// expected-error @+1 {{a ring of weights takes two operands of bf16 or f16}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_ring<depth = 64, stages = 4, afterWait = 2, inFlightBeforeWait = 1, inFlight = 2, warps = 4, scaleAfter = true>} {
  %1 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 1>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: rows that are no whole steps of a ring.
// expected-error @+1 {{multiplies rows of 48 elements; a ring of weights needs a multiple of 32}}
llama.kernel @k(%x: tensor<?x48xbf16>, %w: tensor<64x48xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_ring<depth = 64, stages = 4, afterWait = 2, inFlightBeforeWait = 1, inFlight = 2, warps = 4, scaleAfter = true>} {
  %1 = llama.linear %x, %w : (tensor<?x48xbf16>, tensor<64x48xbf16>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x48xbf16>, %w: tensor<64x48xbf16>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 1>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x48xbf16>, tensor<64x48xbf16>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: a ring beside an input that leaves no room.
// expected-error @+1 {{bytes of shared memory with schedule}}
llama.kernel @k(%x: tensor<?x131072xbf16>, %w: tensor<16x131072xbf16>) -> tensor<?x16xf32> attributes {schedule = #llama.cuda_linear_ring<depth = 64, stages = 4, afterWait = 2, inFlightBeforeWait = 1, inFlight = 2, warps = 4, scaleAfter = true>} {
  %1 = llama.linear %x, %w : (tensor<?x131072xbf16>, tensor<16x131072xbf16>) -> tensor<?x16xf32>
  llama.yield %1 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x131072xbf16>, %w: tensor<16x131072xbf16>) -> tensor<?x16xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 1>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x131072xbf16>, tensor<16x131072xbf16>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// Test: wgmma multiplies 16-bit types.
// expected-error @+1 {{wgmma takes two operands of bf16 or f16}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<128x64xf32>) -> tensor<?x128xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 128, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = false, persistent = false, ahead = false, cluster = 1>} {
  %1 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<128x64xf32>) -> tensor<?x128xf32>
  llama.yield %1 : tensor<?x128xf32>
}
func.func @prefill(%x: tensor<?x64xf32>, %w: tensor<128x64xf32>) -> tensor<?x128xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<128x64xf32>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// -----

// Test: rows that a tensor map cannot have.
// expected-error @+1 {{has rows of 60 elements; tensor maps need a multiple of 8}}
llama.kernel @k(%x: tensor<?x60xbf16>, %w: tensor<128x60xbf16>) -> tensor<?x128xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 128, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = false, persistent = false, ahead = false, cluster = 1>} {
  %1 = llama.linear %x, %w : (tensor<?x60xbf16>, tensor<128x60xbf16>) -> tensor<?x128xf32>
  llama.yield %1 : tensor<?x128xf32>
}
func.func @prefill(%x: tensor<?x60xbf16>, %w: tensor<128x60xbf16>) -> tensor<?x128xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x60xbf16>, tensor<128x60xbf16>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// -----

// Test: more stages than shared memory holds.
// expected-error @+1 {{bytes of shared memory; a block of sm_90a has 232448}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 128, rows = 128, depth = 64, stages = 32, warps = 8, dot = wgmma, weight_first = false, persistent = false, ahead = false, cluster = 1>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  llama.yield %1 : tensor<?x128xf32>
}
func.func @prefill(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// -----

// Test: mma multiplies 16-bit types.
// expected-error @+1 {{mma takes two operands of bf16 or f16}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<128x64xf32>) -> tensor<?x128xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 64, rows = 64, depth = 64, stages = 4, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = true, cluster = 1>} {
  %1 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<128x64xf32>) -> tensor<?x128xf32>
  llama.yield %1 : tensor<?x128xf32>
}
func.func @prefill(%x: tensor<?x64xf32>, %w: tensor<128x64xf32>) -> tensor<?x128xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<128x64xf32>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// -----

// Test: rows that mma does not load whole.
// expected-error @+1 {{has rows of 60 elements; mma needs a multiple of 8}}
llama.kernel @k(%x: tensor<?x60xbf16>, %w: tensor<128x60xbf16>) -> tensor<?x128xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 64, rows = 64, depth = 64, stages = 4, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = true, cluster = 1>} {
  %1 = llama.linear %x, %w : (tensor<?x60xbf16>, tensor<128x60xbf16>) -> tensor<?x128xf32>
  llama.yield %1 : tensor<?x128xf32>
}
func.func @prefill(%x: tensor<?x60xbf16>, %w: tensor<128x60xbf16>) -> tensor<?x128xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x60xbf16>, tensor<128x60xbf16>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// -----

// Test: a tile that the warps do not divide.
// expected-error @+1 {{mma needs tiles that warps divide into multiples of 16 and threads copy evenly}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 48, rows = 64, depth = 64, stages = 4, warps = 5, dot = mma, weight_first = false, persistent = false, ahead = true, cluster = 1>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  llama.yield %1 : tensor<?x128xf32>
}
func.func @prefill(%x: tensor<?x64xbf16>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// -----

// Test: a norm without the memory for its rows.
// expected-error @+1 {{has a norm but no workspace for its result}}
llama.kernel @k(%x: tensor<?x64xbf16>, %n: tensor<64xf32>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 64, rows = 64, depth = 64, stages = 4, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = true, cluster = 1>} {
  %0 = llama.rms_norm %x, %n {eps = 1.0e-05 : f64} : (tensor<?x64xbf16>, tensor<64xf32>) -> tensor<?x64xbf16>
  %1 = llama.linear %0, %w : (tensor<?x64xbf16>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  llama.yield %1 : tensor<?x128xf32>
}
func.func @prefill(%x: tensor<?x64xbf16>, %n: tensor<64xf32>, %w: tensor<128x64xbf16>) -> tensor<?x128xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %n, %w) : (tensor<?x64xbf16>, tensor<64xf32>, tensor<128x64xbf16>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// -----

// Test: a weight that lies in pairs for a kernel that combines none.
// expected-error @+1 {{combines no rows of its weight, which lies in pairs for another kernel}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16, #llama.paired_rows<<plain>>>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16, #llama.paired_rows<<plain>>>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16, #llama.paired_rows<<plain>>>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16, #llama.paired_rows<<plain>>>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: a gate over a weight that does not lie in pairs.
// expected-error @+1 {{combines rows of its weight, which on CUDA needs the layout #llama.paired_rows with 2 sources}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x32xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  %1 = llama.gate %0 activation silu : (tensor<?x64xf32>) -> tensor<?x32xf32>
  llama.yield %1 : tensor<?x32xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x32xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----

// Test: features of a gate that are no whole pairs of eight.
// expected-error @+1 {{gates 12 features; CUDA kernels need a multiple of 8}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<24x64xbf16, #llama.paired_rows<<first>, <second>>>) -> tensor<?x12xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<24x64xbf16, #llama.paired_rows<<first>, <second>>>) -> tensor<?x24xf32>
  %1 = llama.gate %0 activation silu : (tensor<?x24xf32>) -> tensor<?x12xf32>
  llama.yield %1 : tensor<?x12xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<24x64xbf16, #llama.paired_rows<<first>, <second>>>) -> tensor<?x12xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<24x64xbf16, #llama.paired_rows<<first>, <second>>>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

// -----

// Test: heads that are no whole loads.
// expected-error @+1 {{attends to heads of 6 elements of 'bf16'; the schedule needs a multiple of 16 bytes}}
llama.kernel @k(%q: tensor<?x12xf32>, %kv: !llama.kv_layer<2 x 6 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x12xf32> attributes {schedule = #llama.cuda_attention<regime = few, tokens = 1, heads = 1, warps = 4, keys = 64, splits = 1, dot = fma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x12xf32>, !llama.kv_layer<2 x 6 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x12xf32>
  llama.yield %0 : tensor<?x12xf32>
}
func.func @decode(%q: tensor<?x12xf32>, %kv: !llama.kv_layer<2 x 6 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x12xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x12xf32>, !llama.kv_layer<2 x 6 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

// -----

// Test: heads of a block that do not divide the group.
// expected-error @+1 {{attention in groups of 4 query heads cannot follow: heads must divide them}}
llama.kernel @k(%q: tensor<?x64xf32>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_attention<regime = few, tokens = 1, heads = 3, warps = 4, keys = 64, splits = 1, dot = fma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 8 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x64xf32>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x64xf32>
  llama.yield %0 : tensor<?x64xf32>
}
func.func @decode(%q: tensor<?x64xf32>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x64xf32>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: tensor cores for queries of f32.
// expected-error @+1 {{needs at most 8 heads of at most 128 elements of f16 or bf16}}
llama.kernel @k(%q: tensor<?x256xf32>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xf32> attributes {schedule = #llama.cuda_attention<regime = few, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 1, dot = mma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x256xf32>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xf32>
  llama.yield %0 : tensor<?x256xf32>
}
func.func @decode(%q: tensor<?x256xf32>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xf32>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}

// -----

// Test: parts of keys without the memory for their sums.
// expected-error @+1 {{comes with workspaces that the kernel lacks}}
llama.kernel @k(%q: tensor<?x64xf32>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_attention<regime = few, tokens = 1, heads = 1, warps = 4, keys = 64, splits = 4, dot = fma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 8 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x64xf32>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x64xf32>
  llama.yield %0 : tensor<?x64xf32>
}
func.func @decode(%q: tensor<?x64xf32>, %kv: !llama.kv_layer<2 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x64xf32>, !llama.kv_layer<2 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: more registers than a thread has.
// expected-error @+1 {{needs more registers than a thread of 1024 has}}
llama.kernel @k(%q: tensor<?x65536xbf16>, %kv: !llama.kv_layer<2 x 1024 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x65536xbf16> attributes {schedule = #llama.cuda_attention<regime = few, tokens = 1, heads = 32, warps = 32, keys = 64, splits = 1, dot = fma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 64 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x65536xbf16>, !llama.kv_layer<2 x 1024 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x65536xbf16>
  llama.yield %0 : tensor<?x65536xbf16>
}
func.func @decode(%q: tensor<?x65536xbf16>, %kv: !llama.kv_layer<2 x 1024 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x65536xbf16> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x65536xbf16>, !llama.kv_layer<2 x 1024 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x65536xbf16>
  return %0 : tensor<?x65536xbf16>
}

// -----

// Test: many rows of f32.
// expected-error @+1 {{has an attention schedule for many rows, which needs dot = mma and queries, keys and results of one 16-bit type; use regime = few for others}}
llama.kernel @k(%q: tensor<?x256xf32>, %kv: !llama.kv_layer<2 x 64 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xf32> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 4, keys = 32, splits = 1, dot = mma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x256xf32>, !llama.kv_layer<2 x 64 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xf32>
  llama.yield %0 : tensor<?x256xf32>
}
func.func @prefill(%q: tensor<?x256xf32>, %kv: !llama.kv_layer<2 x 64 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xf32>, !llama.kv_layer<2 x 64 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}

// -----

// Test: a scale that turns the order of scores.
// expected-error @+1 {{has a scale that is not positive}}
llama.kernel @k(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 4, keys = 32, splits = 1, dot = mma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = -0.5 : f64} : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  llama.yield %0 : tensor<?x256xbf16>
}
func.func @prefill(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  return %0 : tensor<?x256xbf16>
}

// -----

// Test: heads that are no whole tiles.
// expected-error @+1 {{head_dim (24), tokens and keys must be multiples of 16}}
llama.kernel @k(%q: tensor<?x96xbf16>, %kv: !llama.kv_layer<2 x 24 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x96xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 4, keys = 32, splits = 1, dot = mma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x96xbf16>, !llama.kv_layer<2 x 24 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x96xbf16>
  llama.yield %0 : tensor<?x96xbf16>
}
func.func @prefill(%q: tensor<?x96xbf16>, %kv: !llama.kv_layer<2 x 24 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x96xbf16> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x96xbf16>, !llama.kv_layer<2 x 24 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x96xbf16>
  return %0 : tensor<?x96xbf16>
}

// -----

// Test: warps that do not divide the tiles.
// expected-error @+1 {{warps must divide heads * tokens / 16}}
llama.kernel @k(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 3, keys = 32, splits = 1, dot = mma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  llama.yield %0 : tensor<?x256xbf16>
}
func.func @prefill(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  return %0 : tensor<?x256xbf16>
}

// -----

// Test: warps that do not divide the features of one token.
// expected-error @+1 {{of one token it can do 16 heads, and warps must divide head_dim / 16}}
llama.kernel @k(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 1, heads = 2, warps = 3, keys = 64, splits = 1, dot = mma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  llama.yield %0 : tensor<?x256xbf16>
}
func.func @decode(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  return %0 : tensor<?x256xbf16>
}

// -----

// Test: parts of keys of one token without the memory for their sums.
// expected-error @+1 {{the kernel lacks the workspace for parts of the keys}}
llama.kernel @k(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 4, dot = mma, part = 256>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  llama.yield %0 : tensor<?x256xbf16>
}
func.func @decode(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  return %0 : tensor<?x256xbf16>
}

// -----

// Test: more heads of one token than a tile has rows.
// expected-error @+1 {{of one token it can do 16 heads, and warps must divide head_dim / 16}}
llama.kernel @k(%q: tensor<?x2048xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x2048xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 1, heads = 32, warps = 4, keys = 64, splits = 1, dot = mma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 32 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x2048xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x2048xbf16>
  llama.yield %0 : tensor<?x2048xbf16>
}
func.func @decode(%q: tensor<?x2048xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x2048xbf16> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x2048xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x2048xbf16>
  return %0 : tensor<?x2048xbf16>
}

// -----

// Test: wgmma in heads of another size.
// expected-error @+1 {{head_dim (32) must be 64 or 128}}
llama.kernel @k(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<2 x 32 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 8, keys = 64, splits = 1, dot = wgmma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<2 x 32 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
  llama.yield %0 : tensor<?x128xbf16>
}
func.func @prefill(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<2 x 32 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x128xbf16>, !llama.kv_layer<2 x 32 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
  return %0 : tensor<?x128xbf16>
}

// -----

// Test: wgmma with other tiles than its warps have.
// expected-error @+1 {{it needs 8 warps and 128 pairs of a row and a head, of 16 rows at least}}
llama.kernel @k(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 1, warps = 8, keys = 64, splits = 1, dot = wgmma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  llama.yield %0 : tensor<?x256xbf16>
}
func.func @prefill(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  return %0 : tensor<?x256xbf16>
}

// -----

// Test: tiles of keys that cross pages.
// expected-error @+1 {{keys and pages (of 24) must be multiples of 16, one of the other}}
llama.kernel @k(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 24>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 8, keys = 64, splits = 1, dot = wgmma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 24>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  llama.yield %0 : tensor<?x256xbf16>
}
func.func @prefill(%q: tensor<?x256xbf16>, %kv: !llama.kv_layer<2 x 64 x bf16, page = 24>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x256xbf16> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x256xbf16>, !llama.kv_layer<2 x 64 x bf16, page = 24>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x256xbf16>
  return %0 : tensor<?x256xbf16>
}

// -----

// Test: a norm of rows that are no whole loads.
// expected-error @+1 {{has rows of 12 features; on CUDA they are a multiple of 8}}
llama.kernel @k(%x: tensor<?x12xf32>, %n: tensor<12xf32>) -> tensor<?x12xf32> attributes {schedule = #llama.cuda_pointwise<threads = 256>} {
  %0 = llama.rms_norm %x, %n {eps = 1.0e-05 : f64} : (tensor<?x12xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  llama.yield %0 : tensor<?x12xf32>
}
func.func @decode(%x: tensor<?x12xf32>, %n: tensor<12xf32>) -> tensor<?x12xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %n) : (tensor<?x12xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  return %0 : tensor<?x12xf32>
}

// -----

// Test: two ops under a schedule for one.
// expected-error @+1 {{has a pointwise schedule, but the pointwise family generates single ops only}}
llama.kernel @k(%x: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {schedule = #llama.cuda_pointwise<threads = 256>} {
  %0 = llama.add %x, %x : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  %1 = llama.add %0, %x : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  llama.yield %1 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x16xf32>) -> tensor<?x16xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x) : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// Test: an op that no emitter takes alone.
// expected-error @+1 {{is llama.linear alone, for which there is no generated code; kernels of one op are of embedding, rotary_table, gather_rows, rms_norm, rotate, gate, add, split, repeat_kv, kv_append and attention}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_pointwise<threads = 256>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: attention under its schedule with something else.
// expected-error @+1 {{has an attention schedule but does not hold exactly one causal llama.attention over all keys without lse}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_attention<regime = few, tokens = 1, heads = 1, warps = 4, keys = 64, splits = 1, dot = fma>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: a weight in blocks, which no emitter for GPUs decodes.
// expected-error @+1 {{has a weight 'tensor<64x64x!llama.block<q8_0>>'; kernels for GPUs read weights of f32, f16 and bf16: leave out --quantize, or compile for a CPU}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64x!llama.block<q8_0>>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %1 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64x!llama.block<q8_0>>) -> tensor<?x64xf32>
  llama.yield %1 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<64x64x!llama.block<q8_0>>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64x!llama.block<q8_0>>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// -----

// Test: the device has a service that chooses tokens.
// expected-error @+1 {{chooses tokens, which a service of the GPU does: leave llama.sample in the program, as llama-fuse-sample=leave does}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> (tensor<?x64xf32>, tensor<?xi32>) attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xf32>
  %1 = llama.sample %0 greedy : (tensor<?x64xf32>) -> tensor<?xi32>
  llama.yield %0, %1 : tensor<?x64xf32>, tensor<?xi32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> (tensor<?x64xf32>, tensor<?xi32>) attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0, %1 = llama.launch @k(%x, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> (tensor<?x64xf32>, tensor<?xi32>)
  return %0, %1 : tensor<?x64xf32>, tensor<?xi32>
}

// -----

// Test: kernels for few rows give no probabilities.
// expected-error @+1 {{on CUDA #llama.cuda_linear_many does: llama-split-scores=kinds=prefill}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = mma, scaleAfter = true>} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<256x64xbf16>) -> tensor<?x256xf32>
  %1 = llama.log_prob %0, %t : (tensor<?x256xf32>, tensor<?xi32>) -> tensor<?xf32>
  llama.yield %1 : tensor<?xf32>
}
func.func @decode(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w, %t) : (tensor<?x64xbf16>, tensor<256x64xbf16>, tensor<?xi32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// Test: what tiles keep for probabilities lies in a workspace, the last one.
// expected-error @+1 {{keeps maxima and sums of its tiles in a last workspace tensor<?x10xf32>; the kernel needs it}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 128, rows = 128, depth = 32, stages = 3, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = false, cluster = 1>, workspace = [tensor<?x6xf32>]} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<256x64xbf16>) -> tensor<?x256xf32>
  %1 = llama.log_prob %0, %t : (tensor<?x256xf32>, tensor<?xi32>) -> tensor<?xf32>
  llama.yield %1 : tensor<?xf32>
}
func.func @prefill(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w, %t) : (tensor<?x64xbf16>, tensor<256x64xbf16>, tensor<?xi32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// Test: probabilities of rounded logits.
// expected-error @+1 {{gives probabilities of sums in f32; the logits are 'tensor<?x256xbf16>'}}
llama.kernel @k(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 128, rows = 128, depth = 32, stages = 3, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = false, cluster = 1>, workspace = [tensor<?x10xf32>]} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<256x64xbf16>) -> tensor<?x256xbf16>
  %1 = llama.log_prob %0, %t : (tensor<?x256xbf16>, tensor<?xi32>) -> tensor<?xf32>
  llama.yield %1 : tensor<?xf32>
}
func.func @prefill(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {llama.program = #llama.program<prefill, rows = 65 to 512>} {
  %0 = llama.launch @k(%x, %w, %t) : (tensor<?x64xbf16>, tensor<256x64xbf16>, tensor<?xi32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
