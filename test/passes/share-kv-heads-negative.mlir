// RUN: quipu-opt %s --llama-share-kv-heads --verify-diagnostics --split-input-file | FileCheck %s

// Test: one layer whose heads are real keeps the heads of all layers in the cache.
// CHECK-LABEL: func.func @one_layer_is_not_repeated
// CHECK-SAME: !llama.kv_cache<2 x 4 x 4 x f32, page = 32>
// CHECK-COUNT-2: llama.repeat_kv
func.func @one_layer_is_not_repeated(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                                     %cache: !llama.kv_cache<2 x 4 x 4 x f32, page = 32>) -> tensor<?x16xf32> {
  %k4 = llama.repeat_kv %k {headDim = 4 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x16xf32>
  %v4 = llama.repeat_kv %k {headDim = 4 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x16xf32>
  %kv = llama.kv_layer %cache[0] : !llama.kv_cache<2 x 4 x 4 x f32, page = 32> -> !llama.kv_layer<4 x 4 x f32, page = 32>
  llama.kv_append %kv, %k4, %v4, %p, %s : !llama.kv_layer<4 x 4 x f32, page = 32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  %a = llama.attention %q, %kv, %p, %s {numHeads = 4 : i64, numKvHeads = 4 : i64, scale = 0.5 : f64}
     : (tensor<?x16xf32>, !llama.kv_layer<4 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x16xf32>
  %kv1 = llama.kv_layer %cache[1] : !llama.kv_cache<2 x 4 x 4 x f32, page = 32> -> !llama.kv_layer<4 x 4 x f32, page = 32>
  // expected-remark @+1 {{repeated key/value heads stay in the cache: the keys of this layer are not repeated}}
  llama.kv_append %kv1, %a, %a, %p, %s : !llama.kv_layer<4 x 4 x f32, page = 32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  return %a : tensor<?x16xf32>
}

// -----

// Test: keys and values repeated differently often share no number of real heads.
// CHECK-LABEL: func.func @different_times
// CHECK-SAME: !llama.kv_cache<1 x 4 x 4 x f32, page = 32>
func.func @different_times(%k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                           %cache: !llama.kv_cache<1 x 4 x 4 x f32, page = 32>) {
  // expected-remark @+1 {{repeated key/value heads stay in the cache: it repeats 2 times, another 4 times}}
  %k4 = llama.repeat_kv %k {headDim = 4 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x16xf32>
  %v4 = llama.repeat_kv %v {headDim = 4 : i64, times = 4 : i64} : (tensor<?x4xf32>) -> tensor<?x16xf32>
  %kv = llama.kv_layer %cache[0] : !llama.kv_cache<1 x 4 x 4 x f32, page = 32> -> !llama.kv_layer<4 x 4 x f32, page = 32>
  llama.kv_append %kv, %v4, %k4, %p, %s : !llama.kv_layer<4 x 4 x f32, page = 32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  return
}

// -----

// Test: pieces of a head repeated are no repeated heads.
// CHECK-LABEL: func.func @half_heads
// CHECK-SAME: !llama.kv_cache<1 x 4 x 4 x f32, page = 32>
func.func @half_heads(%k: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                      %cache: !llama.kv_cache<1 x 4 x 4 x f32, page = 32>) {
  // expected-remark @+1 {{it repeats heads of 2 elements, but those of the cache have 4}}
  %k4 = llama.repeat_kv %k {headDim = 2 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x16xf32>
  %kv = llama.kv_layer %cache[0] : !llama.kv_cache<1 x 4 x 4 x f32, page = 32> -> !llama.kv_layer<4 x 4 x f32, page = 32>
  llama.kv_append %kv, %k4, %k4, %p, %s : !llama.kv_layer<4 x 4 x f32, page = 32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  return
}

// -----

// Test: a repetition that rounds is kept, for the cache would hold other numbers without it.
// CHECK-LABEL: func.func @rounding
// CHECK-SAME: !llama.kv_cache<1 x 4 x 4 x f32, page = 32>
func.func @rounding(%k: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                    %cache: !llama.kv_cache<1 x 4 x 4 x f32, page = 32>) {
  // expected-remark @+1 {{the repetition also rounds}}
  %k4 = llama.repeat_kv %k {headDim = 4 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x16xbf16>
  %kv = llama.kv_layer %cache[0] : !llama.kv_cache<1 x 4 x 4 x f32, page = 32> -> !llama.kv_layer<4 x 4 x f32, page = 32>
  llama.kv_append %kv, %k4, %k4, %p, %s : !llama.kv_layer<4 x 4 x f32, page = 32>, tensor<?x16xbf16>, tensor<?x16xbf16>, tensor<?xi32>, tensor<?xi32>
  return
}

// -----

// Test: a cache that is handed on cannot change its type.
// CHECK-LABEL: func.func @another_use
// CHECK-SAME: !llama.kv_cache<1 x 4 x 4 x f32, page = 32>
func.func @another_use(%k: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                       %cache: !llama.kv_cache<1 x 4 x 4 x f32, page = 32>) -> !llama.kv_cache<1 x 4 x 4 x f32, page = 32> {
  %k4 = llama.repeat_kv %k {headDim = 4 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x16xf32>
  %kv = llama.kv_layer %cache[0] : !llama.kv_cache<1 x 4 x 4 x f32, page = 32> -> !llama.kv_layer<4 x 4 x f32, page = 32>
  llama.kv_append %kv, %k4, %k4, %p, %s : !llama.kv_layer<4 x 4 x f32, page = 32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  // expected-remark @+1 {{the whole cache has another use}}
  return %cache : !llama.kv_cache<1 x 4 x 4 x f32, page = 32>
}

// -----

// Test: a graph that repeats nothing is left alone without a word.
// CHECK-LABEL: func.func @grouped
// CHECK-SAME: !llama.kv_cache<1 x 2 x 4 x f32, page = 32>
func.func @grouped(%k: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                   %cache: !llama.kv_cache<1 x 2 x 4 x f32, page = 32>) {
  %kv = llama.kv_layer %cache[0] : !llama.kv_cache<1 x 2 x 4 x f32, page = 32> -> !llama.kv_layer<2 x 4 x f32, page = 32>
  llama.kv_append %kv, %k, %k, %p, %s : !llama.kv_layer<2 x 4 x f32, page = 32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  return
}
