// RUN: quipu-opt %s --split-input-file --verify-diagnostics
// Kernels for a CPU are in targets-invalid.mlir.

// Test: a ring for one row, and tiles for many.
// expected-error @+1 {{says that it is deterministic, but @one adds products of @w (bf16) as #llama.cuda_linear_ring<depth = 64, stages = 4, afterWait = 1, inFlightBeforeWait = 1, inFlight = 2, warps = 8, scaleAfter = true>, and @many in steps of 16 inputs (dot = wgmma)}}
module attributes {llama.deterministic} {
  llama.weight @w : tensor<64x64xbf16> role matrix sources ["w"]
  llama.kernel @one(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xbf16> attributes {schedule = #llama.cuda_linear_ring<depth = 64, stages = 4, afterWait = 1, inFlightBeforeWait = 1, inFlight = 2, warps = 8, scaleAfter = true>} {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    llama.yield %0 : tensor<?x64xbf16>
  }
  llama.kernel @many(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xbf16> attributes {schedule = #llama.cuda_linear_many<tokens = 64, rows = 64, depth = 64, stages = 4, warps = 4, dot = wgmma, weight_first = false, persistent = false, ahead = false, cluster = 1>} {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    llama.yield %0 : tensor<?x64xbf16>
  }
  func.func @p(%0: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    %w = llama.weight_ref @w : tensor<64x64xbf16>
    %1 = llama.launch @one(%0, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    %2 = llama.launch @many(%1, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    return %2 : tensor<?x64xbf16>
  }
}

// -----

// Test: warps that divide the inputs for few rows, and tiles for many.
// expected-error @+1 {{says that it is deterministic, but @few adds products of @w (bf16) as #llama.cuda_linear_few<tokens = 8, warps = 2, ahead = 8, dot = mma, scaleAfter = true>, and @many in steps of 16 inputs (dot = mma)}}
module attributes {llama.deterministic} {
  llama.weight @w : tensor<64x64xbf16> role matrix sources ["w"]
  llama.kernel @few(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xbf16> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 2, ahead = 8, dot = mma, scaleAfter = true>} {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    llama.yield %0 : tensor<?x64xbf16>
  }
  llama.kernel @many(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xbf16> attributes {schedule = #llama.cuda_linear_many<tokens = 64, rows = 64, depth = 64, stages = 4, warps = 4, dot = mma, weight_first = false, persistent = false, ahead = false, cluster = 1>} {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    llama.yield %0 : tensor<?x64xbf16>
  }
  func.func @p(%0: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    %w = llama.weight_ref @w : tensor<64x64xbf16>
    %1 = llama.launch @few(%0, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    %2 = llama.launch @many(%1, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    return %2 : tensor<?x64xbf16>
  }
}

// -----

// Test: fewer warps divide the inputs.
// expected-error @+1 {{says that it is deterministic, but @eight adds products of @w (f32) by 8 warps that divide the inputs (dot = fma, scaleAfter = true), and @four by 4 warps that divide the inputs (dot = fma, scaleAfter = true)}}
module attributes {llama.deterministic} {
  llama.weight @w : tensor<64x64xf32> role matrix sources ["w"]
  llama.kernel @eight(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 8, ahead = 8, dot = fma, scaleAfter = true>} {
    %0 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    llama.yield %0 : tensor<?x64xf32>
  }
  llama.kernel @four(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 4, ahead = 8, dot = fma, scaleAfter = true>} {
    %0 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    llama.yield %0 : tensor<?x64xf32>
  }
  func.func @p(%0: tensor<?x64xf32>) -> tensor<?x64xf32> {
    %w = llama.weight_ref @w : tensor<64x64xf32>
    %1 = llama.launch @eight(%0, %w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    %2 = llama.launch @four(%1, %w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    return %2 : tensor<?x64xf32>
  }
}

// -----

// Test: tiles of more keys, whose softmax has other references.
// expected-error @+1 {{says that it is deterministic, but @few adds what attention weighs in tiles of 64 keys, and @many in tiles of 128 keys}}
module attributes {llama.deterministic} {
  llama.kernel @few(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 1, dot = mma>} {
    %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    llama.yield %0 : tensor<?x128xbf16>
  }
  llama.kernel @many(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 8, keys = 128, splits = 1, dot = wgmma>} {
    %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    llama.yield %0 : tensor<?x128xbf16>
  }
  func.func @p(%0: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> {
    %1 = llama.launch @few(%0, %kv, %p, %s) : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    %2 = llama.launch @many(%1, %kv, %p, %s) : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    return %2 : tensor<?x128xbf16>
  }
}

// -----

// Test: longer parts of the keys.
// expected-error @+1 {{says that it is deterministic, but @few adds what attention weighs in tiles of 64 keys in parts of 256, and @many in tiles of 64 keys in parts of 512}}
module attributes {llama.deterministic} {
  llama.kernel @few(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 1, dot = mma, part = 256>} {
    %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    llama.yield %0 : tensor<?x128xbf16>
  }
  llama.kernel @many(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 8, keys = 64, splits = 1, dot = wgmma, part = 512>} {
    %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    llama.yield %0 : tensor<?x128xbf16>
  }
  func.func @p(%0: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> {
    %1 = llama.launch @few(%0, %kv, %p, %s) : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    %2 = llama.launch @many(%1, %kv, %p, %s) : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    return %2 : tensor<?x128xbf16>
  }
}

// -----

// Test: keys in parts for rows by themselves, and in tiles for others.
// expected-error @+1 {{says that it is deterministic, but @few adds what attention weighs as #llama.cuda_attention<regime = few, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 1, dot = fma>, and @many in tiles of 64 keys}}
module attributes {llama.deterministic} {
  llama.kernel @few(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = few, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 1, dot = fma>} {
    %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    llama.yield %0 : tensor<?x128xbf16>
  }
  llama.kernel @many(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 8, keys = 64, splits = 1, dot = mma>} {
    %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    llama.yield %0 : tensor<?x128xbf16>
  }
  func.func @p(%0: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> {
    %1 = llama.launch @few(%0, %kv, %p, %s) : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    %2 = llama.launch @many(%1, %kv, %p, %s) : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    return %2 : tensor<?x128xbf16>
  }
}

// -----

// Test: keys in more parts.
// expected-error-re @+1 {{says that it is deterministic, but {{@four adds what attention weighs as #llama\.cuda_attention<.*splits = 4.*>, and @two as #llama\.cuda_attention<.*splits = 2.*>}}}}
module attributes {llama.deterministic} {
  llama.kernel @four(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = few, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 4, dot = fma>} {
    %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    llama.yield %0 : tensor<?x128xbf16>
  }
  llama.kernel @two(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = few, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 2, dot = fma>} {
    %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    llama.yield %0 : tensor<?x128xbf16>
  }
  func.func @p(%0: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> {
    %1 = llama.launch @four(%0, %kv, %p, %s) : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    %2 = llama.launch @two(%1, %kv, %p, %s) : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    return %2 : tensor<?x128xbf16>
  }
}

// -----

// Test: lone rows.
// expected-error @+1 {{says that it is deterministic, but @many adds what attention weighs in tiles of 64 keys, and @many as #llama.cuda_attention<regime = few}}
module attributes {llama.deterministic} {
  llama.kernel @many(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 8, keys = 64, splits = 1, dot = mma, lone = #llama.cuda_attention<regime = few, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 1, dot = fma>>} {
    %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    llama.yield %0 : tensor<?x128xbf16>
  }
  func.func @p(%0: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> {
    %1 = llama.launch @many(%0, %kv, %p, %s) : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    return %1 : tensor<?x128xbf16>
  }
}

// -----

// Test: norms.
// expected-error @+1 {{says that it is deterministic, but @wide adds squares of a norm by 256 threads, and @narrow by 128 threads}}
module attributes {llama.deterministic} {
  llama.weight @g : tensor<64xf32> role norm sources ["g"]
  llama.kernel @wide(%x: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_pointwise<threads = 256>} {
    %0 = llama.rms_norm %x, %g {eps = 1.0e-5 : f64} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    llama.yield %0 : tensor<?x64xf32>
  }
  llama.kernel @narrow(%x: tensor<?x64xf32>, %g: tensor<64xf32>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_pointwise<threads = 128>} {
    %0 = llama.rms_norm %x, %g {eps = 1.0e-5 : f64} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    llama.yield %0 : tensor<?x64xf32>
  }
  func.func @p(%0: tensor<?x64xf32>) -> tensor<?x64xf32> {
    %g = llama.weight_ref @g : tensor<64xf32>
    %1 = llama.launch @wide(%0, %g) : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    %2 = llama.launch @narrow(%1, %g) : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
    return %2 : tensor<?x64xf32>
  }
}

// -----

// Test: scores of wide and of narrow tiles.
// expected-error-re @+1 {{says that it is deterministic, but {{@wide adds exponentials of logits of @w as #llama\.cuda_linear_many<.*rows = 256.*>, and @narrow as #llama\.cuda_linear_many<.*rows = 128}}}}
module attributes {llama.deterministic} {
  llama.weight @w : tensor<256x64xbf16> role matrix sources ["w"]
  llama.kernel @wide(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 64, rows = 256, depth = 64, stages = 4, warps = 4, dot = wgmma, weight_first = false, persistent = false, ahead = false, cluster = 1>} {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<256x64xbf16>) -> tensor<?x256xf32>
    %1 = llama.log_prob %0, %t : (tensor<?x256xf32>, tensor<?xi32>) -> tensor<?xf32>
    llama.yield %1 : tensor<?xf32>
  }
  llama.kernel @narrow(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 64, rows = 128, depth = 64, stages = 4, warps = 4, dot = wgmma, weight_first = false, persistent = false, ahead = false, cluster = 1>} {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<256x64xbf16>) -> tensor<?x256xf32>
    %1 = llama.log_prob %0, %t : (tensor<?x256xf32>, tensor<?xi32>) -> tensor<?xf32>
    llama.yield %1 : tensor<?xf32>
  }
  func.func @p(%x: tensor<?x64xbf16>, %t: tensor<?xi32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %w = llama.weight_ref @w : tensor<256x64xbf16>
    %0 = llama.launch @wide(%x, %w, %t) : (tensor<?x64xbf16>, tensor<256x64xbf16>, tensor<?xi32>) -> tensor<?xf32>
    %1 = llama.launch @narrow(%x, %w, %t) : (tensor<?x64xbf16>, tensor<256x64xbf16>, tensor<?xi32>) -> tensor<?xf32>
    return %0, %1 : tensor<?xf32>, tensor<?xf32>
  }
}
