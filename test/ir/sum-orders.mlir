// RUN: quipu-opt %s --split-input-file | FileCheck %s

// Schedules that add a row in one order. The verifier holds a module to its attribute.

// Test: tiles of any size and order of operands, one after the other.
// CHECK: module attributes {llama.deterministic}
module attributes {llama.deterministic} {
  llama.weight @w : tensor<64x64xbf16> role matrix sources ["w"]
  llama.kernel @few(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xbf16> attributes {schedule = #llama.cuda_linear_many<tokens = 64, rows = 48, depth = 64, stages = 4, warps = 4, dot = wgmma, weight_first = false, persistent = false, ahead = false, cluster = 1>} {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    llama.yield %0 : tensor<?x64xbf16>
  }
  llama.kernel @many(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xbf16> attributes {schedule = #llama.cuda_linear_many<tokens = 128, rows = 256, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = false, persistent = true, ahead = false, cluster = 1>} {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    llama.yield %0 : tensor<?x64xbf16>
  }
  llama.kernel @long(%x: tensor<?x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<?x64xbf16> attributes {schedule = #llama.cuda_linear_many<tokens = 256, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = true, persistent = true, ahead = false, cluster = 1>} {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    llama.yield %0 : tensor<?x64xbf16>
  }
  func.func @p(%0: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
    %w = llama.weight_ref @w : tensor<64x64xbf16>
    %1 = llama.launch @few(%0, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    %2 = llama.launch @many(%1, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    %3 = llama.launch @long(%2, %w) : (tensor<?x64xbf16>, tensor<64x64xbf16>) -> tensor<?x64xbf16>
    return %3 : tensor<?x64xbf16>
  }
}

// -----

// Test: warps that divide the inputs alike, with more loads in flight.
// CHECK: module attributes {llama.deterministic}
module attributes {llama.deterministic} {
  llama.weight @w : tensor<64x64xf32> role matrix sources ["w"]
  llama.kernel @few(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 8, ahead = 8, dot = fma, scaleAfter = true>} {
    %0 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    llama.yield %0 : tensor<?x64xf32>
  }
  llama.kernel @many(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> attributes {schedule = #llama.cuda_linear_few<tokens = 8, warps = 8, ahead = 16, dot = fma, scaleAfter = true>} {
    %0 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    llama.yield %0 : tensor<?x64xf32>
  }
  func.func @p(%0: tensor<?x64xf32>) -> tensor<?x64xf32> {
    %w = llama.weight_ref @w : tensor<64x64xf32>
    %1 = llama.launch @few(%0, %w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    %2 = llama.launch @many(%1, %w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
    return %2 : tensor<?x64xf32>
  }
}

// -----

// Test: rows by themselves attend as blocks of rows do.
// CHECK: module attributes {llama.deterministic}
module attributes {llama.deterministic} {
  llama.kernel @few(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 1, dot = mma>} {
    %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    llama.yield %0 : tensor<?x128xbf16>
  }
  llama.kernel @many(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 8, keys = 64, splits = 1, dot = mma, lone = #llama.cuda_attention<regime = many, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 1, dot = mma>>} {
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

// Test: the parts of a row's keys have a block each, or one block walks them.
// CHECK: module attributes {llama.deterministic}
module attributes {llama.deterministic} {
  llama.kernel @few(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 4, dot = mma, part = 256>, workspace = [tensor<?x528xf32>]} {
    %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x128xbf16>, !llama.kv_layer<1 x 64 x bf16, page = 64>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xbf16>
    llama.yield %0 : tensor<?x128xbf16>
  }
  llama.kernel @many(%q: tensor<?x128xbf16>, %kv: !llama.kv_layer<1 x 64 x bf16, page = 64>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x128xbf16> attributes {schedule = #llama.cuda_attention<regime = many, tokens = 64, heads = 2, warps = 8, keys = 64, splits = 1, dot = mma, lone = #llama.cuda_attention<regime = many, tokens = 1, heads = 2, warps = 4, keys = 64, splits = 1, dot = mma, part = 256>, part = 256>} {
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

// Test: scores by tiles of the weight.
// CHECK: module attributes {llama.deterministic}
module attributes {llama.deterministic} {
  llama.weight @w : tensor<256x64xbf16> role matrix sources ["w"]
  llama.kernel @short(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 96, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = true, persistent = true, ahead = false, cluster = 1>} {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<256x64xbf16>) -> tensor<?x256xf32>
    %1 = llama.log_prob %0, %t : (tensor<?x256xf32>, tensor<?xi32>) -> tensor<?xf32>
    llama.yield %1 : tensor<?xf32>
  }
  llama.kernel @long(%x: tensor<?x64xbf16>, %w: tensor<256x64xbf16>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cuda_linear_many<tokens = 256, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = true, persistent = true, ahead = false, cluster = 1>} {
    %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<256x64xbf16>) -> tensor<?x256xf32>
    %1 = llama.log_prob %0, %t : (tensor<?x256xf32>, tensor<?xi32>) -> tensor<?xf32>
    llama.yield %1 : tensor<?xf32>
  }
  func.func @p(%x: tensor<?x64xbf16>, %t: tensor<?xi32>) -> (tensor<?xf32>, tensor<?xf32>) {
    %w = llama.weight_ref @w : tensor<256x64xbf16>
    %0 = llama.launch @short(%x, %w, %t) : (tensor<?x64xbf16>, tensor<256x64xbf16>, tensor<?xi32>) -> tensor<?xf32>
    %1 = llama.launch @long(%x, %w, %t) : (tensor<?x64xbf16>, tensor<256x64xbf16>, tensor<?xi32>) -> tensor<?xf32>
    return %0, %1 : tensor<?xf32>, tensor<?xf32>
  }
}
