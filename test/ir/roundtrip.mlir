// Test: every op, type and attribute prints what it was read from, in the pretty form, the generic form and bytecode.
// RUN: quipu-opt %s -o %t.mlir
// RUN: FileCheck %s --input-file %t.mlir
// RUN: quipu-opt %t.mlir | diff %t.mlir -
// RUN: quipu-opt %s --mlir-print-op-generic | quipu-opt | diff %t.mlir -
// RUN: quipu-opt %s --emit-bytecode -o %t.bc
// RUN: quipu-opt %t.bc | diff %t.mlir -

// RUN: quipu-opt %s --mlir-print-debuginfo --mlir-print-local-scope -o %t.locations.mlir
// RUN: quipu-opt %s --emit-bytecode | quipu-opt --mlir-print-debuginfo --mlir-print-local-scope | diff %t.locations.mlir -
// RUN: FileCheck %s --input-file %t.locations.mlir --check-prefix=LOCATIONS

// Test: weights of one and of several sources, of every role.
// CHECK: llama.weight @w : tensor<12x8xbf16> role matrix sources ["model.w"]
// CHECK: llama.weight @parts : tensor<12x8xbf16, #llama.row_parts<8, 4>> role matrix sources ["a", "b"] rows [8, 4]
// CHECK: llama.weight @norm : tensor<8xf32> role norm sources ["n"]
// CHECK: llama.weight @table : tensor<16x8xf16> role embedding sources ["t"]
// CHECK: llama.weight @b : tensor<12xf32> role bias sources ["b"]
// CHECK: llama.weight @slice : tensor<4x3xbf16> role matrix sources [#llama.source<"t" rows <2 to 6 of 12> columns <5 to 8 of 8>>]
// CHECK: llama.weight @mixed : tensor<12x8xbf16> role matrix sources ["w", #llama.source<"t" rows <0 to 4 of 12>>] rows [8, 4]
// CHECK: llama.weight @columns : tensor<12x3xbf16> role matrix sources [#llama.source<"t" columns <5 to 8 of 8>>]
// CHECK: llama.weight @plus : tensor<8xf32> role norm sources ["n"] {plus = 1.000000e+00 : f64}
// CHECK: range = #llama.range<1 to 2 of 3>
// CHECK: llama.weight @blocks : tensor<12x64x!llama.block<q8_0>> role matrix sources ["q"]
llama.weight @w : tensor<12x8xbf16> role matrix sources ["model.w"]
llama.weight @parts : tensor<12x8xbf16, #llama.row_parts<8, 4>> role matrix sources ["a", "b"] rows [8, 4]
llama.weight @norm : tensor<8xf32> role norm sources ["n"]
llama.weight @table : tensor<16x8xf16> role embedding sources ["t"]
llama.weight @b : tensor<12xf32> role bias sources ["b"]
llama.weight @slice : tensor<4x3xbf16> role matrix sources [#llama.source<"t" rows <2 to 6 of 12> columns <5 to 8 of 8>>]
llama.weight @mixed : tensor<12x8xbf16> role matrix sources [#llama.source<"w">, #llama.source<"t" rows <0 to 4 of 12>>] rows [8, 4]
llama.weight @columns : tensor<12x3xbf16> role matrix sources [#llama.source<"t" columns <5 to 8 of 8>>]
llama.weight @plus : tensor<8xf32> role norm sources ["n"] {plus = 1.0 : f64}
func.func private @range() attributes {range = #llama.range<1 to 2 of 3>}
llama.weight @blocks : tensor<12x64x!llama.block<q8_0>> role matrix sources ["q"]

// Test: ops of the stream of activations.
// CHECK-LABEL: func.func @activations
// CHECK-SAME: attributes {llama.arena_bytes = 128 : i64, llama.program = #llama.program<forward, rows = 1 to 512>}
// CHECK: %[[TABLE:.*]] = llama.weight_ref @table : tensor<16x8xf16>
// CHECK: llama.embedding %{{.*}}, %[[TABLE]] : (tensor<?xi32>, tensor<16x8xf16>) -> tensor<?x8xf32>
// CHECK: llama.embedding %{{.*}}, %[[TABLE]] {scale = 2.500000e+00 : f64} : (tensor<?xi32>, tensor<16x8xf16>) -> tensor<?x8xbf16>
// CHECK: llama.rms_norm %{{.*}}, %{{.*}} {eps = 1.000000e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xbf16>
// CHECK: llama.linear %{{.*}}, %{{.*}} : (tensor<?x8xbf16>, tensor<12x8xbf16>) -> tensor<?x12xf32>
// CHECK: llama.linear %{{.*}}, %{{.*}} bias %{{.*}} : (tensor<?x8xbf16>, tensor<12x8xbf16, #llama.row_parts<8, 4>>, tensor<12xf32>) -> tensor<?x12xf32>
// CHECK: llama.add %{{.*}}, %{{.*}} : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
// CHECK: llama.gate %{{.*}} activation silu : (tensor<?x12xf32>) -> tensor<?x6xf16>
// CHECK: llama.gate %{{.*}}, %{{.*}} activation gelu_tanh : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xbf16>
// CHECK: llama.gate %{{.*}}, %{{.*}} activation relu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xbf16>
// CHECK: llama.gated_mlp %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {activation = #llama.activation<silu>} : (tensor<?x8xbf16>, tensor<12x8xbf16>, tensor<12x8xbf16>, tensor<8x12xbf16>) -> tensor<?x8xf32>
// CHECK: llama.gated_mlp %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} bias %{{.*}}, %{{.*}}, %{{.*}} {activation = #llama.activation<gelu_tanh>}
// CHECK: llama.gather_rows %{{.*}}, %{{.*}} : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
// CHECK: llama.lm_head %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {computeType = bf16, eps = 9.9999999999999995E-7 : f64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<12x8xbf16>) -> tensor<?x12xf32>
// CHECK: llama.sample %{{.*}} greedy : (tensor<?x12xf32>) -> tensor<?xi32>
// CHECK: llama.sample %{{.*}} drawn by %{{.*}} recent %{{.*}} random %{{.*}} : (tensor<?x12xf32>, tensor<?x!llama.sample_rule>, tensor<?x1024xi32>, tensor<?xf64>) -> tensor<?xi32>
// CHECK: llama.log_prob %{{.*}}, %{{.*}} : (tensor<?x12xf32>, tensor<?xi32>) -> tensor<?xf32>
func.func @activations(%tokens: tensor<?xi32>, %rows: tensor<?xi32>, %down: tensor<8x12xbf16>, %n8: tensor<8xf32>,
                       %rules: tensor<?x!llama.sample_rule>, %recent: tensor<?x1024xi32>, %random: tensor<?xf64>)
    -> (tensor<?xi32>, tensor<?x6xf16>)
    attributes {llama.program = #llama.program<forward, rows = 1 to 512>, llama.arena_bytes = 128 : i64} {
  %w = llama.weight_ref @w : tensor<12x8xbf16>
  %parts = llama.weight_ref @parts : tensor<12x8xbf16, #llama.row_parts<8, 4>>
  %norm = llama.weight_ref @norm : tensor<8xf32>
  %table = llama.weight_ref @table : tensor<16x8xf16>
  %b = llama.weight_ref @b : tensor<12xf32>
  %x = llama.embedding %tokens, %table : (tensor<?xi32>, tensor<16x8xf16>) -> tensor<?x8xf32>
  %scaled = llama.embedding %tokens, %table {scale = 2.5 : f64} : (tensor<?xi32>, tensor<16x8xf16>) -> tensor<?x8xbf16>
  %n = llama.rms_norm %x, %norm {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xbf16>
  %y = llama.linear %n, %w : (tensor<?x8xbf16>, tensor<12x8xbf16>) -> tensor<?x12xf32>
  %z = llama.linear %n, %parts bias %b : (tensor<?x8xbf16>, tensor<12x8xbf16, #llama.row_parts<8, 4>>, tensor<12xf32>) -> tensor<?x12xf32>
  %s = llama.add %y, %z : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  %g = llama.gate %s activation silu : (tensor<?x12xf32>) -> tensor<?x6xf16>
  %h = llama.gate %y, %z activation gelu_tanh : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xbf16>
  %hr = llama.gate %y, %z activation relu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xbf16>
  %m = llama.gated_mlp %n, %w, %w, %down {activation = #llama.activation<silu>}
     : (tensor<?x8xbf16>, tensor<12x8xbf16>, tensor<12x8xbf16>, tensor<8x12xbf16>) -> tensor<?x8xf32>
  %mb = llama.gated_mlp %n, %w, %w, %down bias %b, %b, %n8 {activation = #llama.activation<gelu_tanh>}
     : (tensor<?x8xbf16>, tensor<12x8xbf16>, tensor<12x8xbf16>, tensor<8x12xbf16>, tensor<12xf32>, tensor<12xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %r = llama.gather_rows %m, %rows : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %logits = llama.lm_head %r, %rows, %norm, %w {eps = 1.0e-06 : f64, computeType = bf16}
     : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<12x8xbf16>) -> tensor<?x12xf32>
  %ids = llama.sample %logits greedy : (tensor<?x12xf32>) -> tensor<?xi32>
  %drawn = llama.sample %logits drawn by %rules recent %recent random %random
     : (tensor<?x12xf32>, tensor<?x!llama.sample_rule>, tensor<?x1024xi32>, tensor<?xf64>) -> tensor<?xi32>
  %scores = llama.log_prob %logits, %ids : (tensor<?x12xf32>, tensor<?xi32>) -> tensor<?xf32>
  return %ids, %g : tensor<?xi32>, tensor<?x6xf16>
}

// Test: rotary embeddings, the cache and attention in all their forms.
// CHECK-LABEL: func.func @attention
// CHECK-SAME: !llama.kv_cache<2 x 1 x 4 x bf16, page = 32>
// CHECK-SAME: #llama.program<decode, rows = 1 to 8>
// CHECK: llama.rotary %{{.*}}, %{{.*}} {headDim = 4 : i64, rope = #llama.rope<theta = 5.000000e+05, layout = half, scaling = llama3, factor = 8.000000e+00, lowFreqFactor = 1.000000e+00, highFreqFactor = 4.000000e+00, originalContext = 8192>}
// CHECK: llama.rotary %{{.*}}, %{{.*}} {headDim = 4 : i64, rope = #llama.rope<theta = 1.000000e+04, layout = interleaved, scaling = linear, factor = 2.000000e+00>}
// CHECK: llama.rotary_table %{{.*}} {headDim = 4 : i64, rope = #llama.rope<theta = 1.000000e+04, layout = half>} : (tensor<?xi32>) -> tensor<?x4xf32>
// CHECK: llama.rotary_table %{{.*}} {headDim = 4 : i64, rope = #llama.rope<theta = 1.000000e+04, layout = half, divisors = [1.000000e+00, 2.500000e+00]>}
// CHECK: llama.rotate %{{.*}}, %{{.*}} layout interleaved {headDim = 4 : i64}
// CHECK: llama.repeat_kv %{{.*}} {headDim = 4 : i64, times = 2 : i64} : (tensor<?x4xf32>) -> tensor<?x8xf32>
// CHECK: llama.split %{{.*}} : (tensor<?x8xf32>) -> (tensor<?x5xf32>, tensor<?x3xf32>)
// CHECK: llama.kv_layer %{{.*}}[1] : !llama.kv_cache<2 x 1 x 4 x bf16, page = 32> -> !llama.kv_layer<1 x 4 x bf16, page = 32>
// CHECK: llama.kv_append %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : !llama.kv_layer<1 x 4 x bf16, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
// CHECK: llama.attention {{.*}} {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 5.000000e-01 : f64}
// CHECK: llama.attention {{.*}} {causal = false, keyBegin = 0 : i64, keyEnd = 64 : i64, numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 5.000000e-01 : f64, window = 128 : i64} : {{.*}} -> (tensor<?x8xf32>, tensor<?x2xf32>)
// CHECK: llama.merge %{{.*}}, %{{.*}} lse %{{.*}}, %{{.*}} : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x8xbf16>
func.func @attention(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                     %cache: !llama.kv_cache<2 x 1 x 4 x bf16, page = 32>) -> (tensor<?x8xbf16>, tensor<?x8xf32>, tensor<?x5xf32>)
    attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %q3 = llama.rotary %q, %p {headDim = 4 : i64, rope = #llama.rope<theta = 5.0e+05, layout = half, scaling = llama3,
      factor = 8.0, lowFreqFactor = 1.0, highFreqFactor = 4.0, originalContext = 8192>} : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %ql = llama.rotary %q3, %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = interleaved, scaling = linear,
      factor = 2.0>} : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %t = llama.rotary_table %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<?xi32>) -> tensor<?x4xf32>
  %td = llama.rotary_table %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half, divisors = [1.0, 2.5]>} : (tensor<?xi32>) -> tensor<?x4xf32>
  %kr = llama.rotate %k, %t layout interleaved {headDim = 4 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %k2 = llama.repeat_kv %k {headDim = 4 : i64, times = 2 : i64} : (tensor<?x4xf32>) -> tensor<?x8xf32>
  %a, %b = llama.split %k2 : (tensor<?x8xf32>) -> (tensor<?x5xf32>, tensor<?x3xf32>)
  %kv = llama.kv_layer %cache[1] : !llama.kv_cache<2 x 1 x 4 x bf16, page = 32> -> !llama.kv_layer<1 x 4 x bf16, page = 32>
  llama.kv_append %kv, %kr, %k, %p, %s : !llama.kv_layer<1 x 4 x bf16, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %o = llama.attention %ql, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x bf16, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  %o2, %lse = llama.attention %ql, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64, causal = false,
      window = 128 : i64, keyBegin = 0 : i64, keyEnd = 64 : i64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x bf16, page = 32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x2xf32>)
  %m = llama.merge %o2, %o2 lse %lse, %lse : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x8xbf16>
  return %m, %o, %a : tensor<?x8xbf16>, tensor<?x8xf32>, tensor<?x5xf32>
}

// Test: the attention of a scheduled kernel.
// CHECK: llama.kernel @attend({{.*}}) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_attention<rows = few, lanes = 8, keys = 32, dot = fma>} {
llama.kernel @attend(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %p: tensor<?xi32>, %s: tensor<?xi32>)
    -> tensor<?x8xf32> attributes {schedule = #llama.cpu_attention<rows = few, lanes = 8, keys = 32, dot = fma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}

// Test: kernels with each schedule, workspace and layouts, and their launches.
// CHECK: llama.kernel @linear(%{{.*}}: tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
// CHECK-SAME: -> tensor<?x12xf32, #llama.token_lanes<lanes = 16, pack = 1>> attributes {schedule = #llama.cpu_linear<rows = many, lanes = 16, run = 4, vectors = 3, rowTiles = 4, dot = bf16, prefetch = 0>, workspace = [tensor<?x4xf32>]} {
// CHECK: llama.yield %{{.*}} : tensor<?x12xf32, #llama.token_lanes<lanes = 16, pack = 1>>
llama.kernel @linear(%x: tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, %w: tensor<12x8xbf16>)
    -> tensor<?x12xf32, #llama.token_lanes<lanes = 16, pack = 1>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 16, run = 4, vectors = 3, rowTiles = 4, dot = bf16, prefetch = 0>,
                workspace = [tensor<?x4xf32>]} {
  %0 = llama.linear %x, %w : (tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, tensor<12x8xbf16>)
     -> tensor<?x12xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  llama.yield %0 : tensor<?x12xf32, #llama.token_lanes<lanes = 16, pack = 1>>
}
// CHECK: llama.kernel @append({{.*}}) attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
// CHECK: llama.yield{{$}}
llama.kernel @append(%kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %k: tensor<?x4xf32>, %p: tensor<?xi32>)
    attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  llama.kv_append %kv, %k, %k, %p, %p : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  llama.yield
}
// CHECK: llama.kernel private @sample({{.*}}) -> tensor<?xi32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 16, rowsPerBlock = 1>} {
llama.kernel private @sample(%x: tensor<?x12xf32>) -> tensor<?xi32>
    attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 16, rowsPerBlock = 1>} {
  %0 = llama.sample %x greedy : (tensor<?x12xf32>) -> tensor<?xi32>
  llama.yield %0 : tensor<?xi32>
}
// CHECK-LABEL: func.func @prefill
// CHECK-SAME: #llama.program<prefill, rows = 9 to 256, align = 16>
// CHECK: llama.launch @linear(%{{.*}}, %{{.*}}) {offsets = array<i64: 64>, workspaceOffsets = array<i64: 0>} : (tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, tensor<12x8xbf16>) -> tensor<?x12xf32, #llama.token_lanes<lanes = 16, pack = 1>>
// CHECK: llama.launch @append(%{{.*}}, %{{.*}}, %{{.*}}) : (!llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?xi32>) -> ()
// LOCATIONS: llama.launch @append({{.*}} loc("layers.3.self_attn.qkv"(fused["layers.3.self_attn.k_proj", "layers.3.self_attn.v_proj"]))
func.func @prefill(%x: tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, %w: tensor<12x8xbf16>,
                   %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %k: tensor<?x4xf32>, %p: tensor<?xi32>)
    -> tensor<?x12xf32, #llama.token_lanes<lanes = 16, pack = 1>>
    attributes {llama.program = #llama.program<prefill, rows = 9 to 256, align = 16>} {
  %0 = llama.launch @linear(%x, %w) {offsets = array<i64: 64>, workspaceOffsets = array<i64: 0>}
     : (tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, tensor<12x8xbf16>) -> tensor<?x12xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  llama.launch @append(%kv, %k, %p) : (!llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?xi32>) -> ()
      loc("layers.3.self_attn.qkv"(fused["layers.3.self_attn.k_proj", "layers.3.self_attn.v_proj"]))
  return %0 : tensor<?x12xf32, #llama.token_lanes<lanes = 16, pack = 1>>
}

// Test: the layouts and schedules of CUDA kernels.
// CHECK: llama.weight @paired : tensor<64x8xbf16, #llama.paired_rows<<halves, 16>, <alternating, 16>, <plain>>>
llama.weight @paired : tensor<64x8xbf16, #llama.paired_rows<<halves, 16>, <alternating, 16>, <plain>>> role matrix
    sources ["q", "k", "v"] rows [32, 16, 16]
// CHECK: #llama.cuda_linear_few<tokens = 8, warps = 8, ahead = 16, dot = mma, scaleAfter = true>
// CHECK: #llama.cuda_linear_ring<depth = 1024, stages = 5, afterWait = 2, inFlightBeforeWait = 2, inFlight = 3, warps = 8, scaleAfter = true>
// CHECK: #llama.cuda_linear_many<tokens = 256, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma, weight_first = true, persistent = true, ahead = false, cluster = 2>
// CHECK: #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 16, dot = fma>
// CHECK: #llama.cuda_pointwise<threads = 256>
// CHECK: #llama.cuda_attention<regime = many, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 8, dot = mma, stages = 6, part = 256>
// CHECK: #llama.cuda_linear_many<tokens = 64, rows = 32, depth = 256, stages = 10, warps = 4, dot = wgmma, weight_first = false, persistent = false, ahead = true, cluster = 1, burst = 64>
// CHECK: #llama.cuda_linear_many<tokens = 64, rows = 32, depth = 256, stages = 10, warps = 4, dot = wgmma, weight_first = false, persistent = false, ahead = true, cluster = 1>
func.func private @schedules() attributes {
  a = #llama.cuda_linear_few<tokens = 8, warps = 8, ahead = 16, dot = mma, scaleAfter = true>,
  b = #llama.cuda_linear_ring<depth = 1024, stages = 5, afterWait = 2, inFlightBeforeWait = 2, inFlight = 3,
                              warps = 8, scaleAfter = true>,
  c = #llama.cuda_linear_many<tokens = 256, rows = 128, depth = 64, stages = 4, warps = 8, dot = wgmma,
                              weight_first = true, persistent = true, ahead = false, cluster = 2>,
  d = #llama.cuda_attention<regime = few, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 16, dot = fma>,
  e = #llama.cuda_pointwise<threads = 256>,
  f = #llama.cuda_attention<regime = many, tokens = 1, heads = 4, warps = 4, keys = 64, splits = 8, dot = mma, stages = 6, part = 256>,
  g = #llama.cuda_linear_many<tokens = 64, rows = 32, depth = 256, stages = 10, warps = 4, dot = wgmma,
                              weight_first = false, persistent = false, ahead = true, cluster = 1, burst = 64>,
  h = #llama.cuda_linear_many<tokens = 64, rows = 32, depth = 256, stages = 10, warps = 4, dot = wgmma,
                              weight_first = false, persistent = false, ahead = true, cluster = 1, burst = 0>}

// Test: what is said about generated code.
// CHECK: #llama.code<[<symbol = "a", fixed = 3, rows = outputs, rowsPerBlock = 4, leastBlocks = 2>, <symbol = "b">], scratchBytes = 64>
// CHECK-SAME: #llama.entry<symbol = "c", fixed = 4, rows = tokens, threads = 256, sharedBytes = 1024, persistent = true, cluster = 2, preferShared = true maps[<pointer = 1, element = bf16, rows = 8, columns = 64, boxRows = 8, boxColumns = 64>]>
func.func private @code() attributes {
  a = #llama.code<[<symbol = "a", fixed = 3, rows = outputs, rowsPerBlock = 4, leastBlocks = 2>, <symbol = "b">], scratchBytes = 64>,
  b = #llama.entry<symbol = "c", fixed = 4, rows = tokens, threads = 256, sharedBytes = 1024, persistent = true, cluster = 2, preferShared = true maps[<pointer = 1, element = bf16, rows = 8, columns = 64, boxRows = 8, boxColumns = 64>]>}
