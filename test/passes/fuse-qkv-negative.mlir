// RUN: quipu-opt %s --llama-fuse-qkv --verify-diagnostics --split-input-file -o %t
// RUN: FileCheck %s --input-file %t --implicit-check-not=llama.split

// Test: projections of different inputs stay apart.
// CHECK-LABEL: func.func @different_inputs
// CHECK-COUNT-3: llama.linear
llama.weight @q : tensor<8x8xf32> role matrix sources ["q"]
llama.weight @k : tensor<4x8xf32> role matrix sources ["k"]
llama.weight @v : tensor<4x8xf32> role matrix sources ["v"]
llama.weight @kb : tensor<4xf32> role bias sources ["kb"]
func.func @different_inputs(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                  %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %other: !llama.kv_layer<1 x 4 x f32, page = 32>) -> tensor<?x8xf32> {
  %wq = llama.weight_ref @q : tensor<8x8xf32>
  %wk = llama.weight_ref @k : tensor<4x8xf32>
  %wv = llama.weight_ref @v : tensor<4x8xf32>
  %bk = llama.weight_ref @kb : tensor<4xf32>
  %q = llama.linear %x, %wq : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %k = llama.linear %y, %wk : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %v = llama.linear %x, %wv : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  // expected-remark @+1 {{query, key and value projections stay apart: the projections have different inputs}}
  llama.kv_append %kv, %k, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}

// -----

// Test: weights of different element types cannot lie in one tensor.
// CHECK-LABEL: func.func @different_types
// CHECK-COUNT-3: llama.linear
llama.weight @q : tensor<8x8xf32> role matrix sources ["q"]
llama.weight @k : tensor<4x8xbf16> role matrix sources ["k"]
llama.weight @v : tensor<4x8xf32> role matrix sources ["v"]
llama.weight @kb : tensor<4xf32> role bias sources ["kb"]
func.func @different_types(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                  %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %other: !llama.kv_layer<1 x 4 x f32, page = 32>) -> tensor<?x8xf32> {
  %wq = llama.weight_ref @q : tensor<8x8xf32>
  %wk = llama.weight_ref @k : tensor<4x8xbf16>
  %wv = llama.weight_ref @v : tensor<4x8xf32>
  %bk = llama.weight_ref @kb : tensor<4xf32>
  %q = llama.linear %x, %wq : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %k = llama.linear %x, %wk : (tensor<?x8xf32>, tensor<4x8xbf16>) -> tensor<?x4xf32>
  %v = llama.linear %x, %wv : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  // expected-remark @+1 {{query, key and value projections stay apart: the weights have different element types, f32 and bf16}}
  llama.kv_append %kv, %k, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}

// -----

// Test: results of different element types cannot either.
// CHECK-LABEL: func.func @different_results
// CHECK-COUNT-3: llama.linear
llama.weight @q : tensor<8x8xf32> role matrix sources ["q"]
llama.weight @k : tensor<4x8xf32> role matrix sources ["k"]
llama.weight @v : tensor<4x8xf32> role matrix sources ["v"]
llama.weight @kb : tensor<4xf32> role bias sources ["kb"]
func.func @different_results(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                  %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %other: !llama.kv_layer<1 x 4 x f32, page = 32>) -> tensor<?x8xf32> {
  %wq = llama.weight_ref @q : tensor<8x8xf32>
  %wk = llama.weight_ref @k : tensor<4x8xf32>
  %wv = llama.weight_ref @v : tensor<4x8xf32>
  %bk = llama.weight_ref @kb : tensor<4xf32>
  %q = llama.linear %x, %wq : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %k = llama.linear %x, %wk : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xbf16>
  %v = llama.linear %x, %wv : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  // expected-remark @+1 {{query, key and value projections stay apart: the projections yield different element types, f32 and bf16}}
  llama.kv_append %kv, %k, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xbf16>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}

// -----

// Test: a bias on one projection alone keeps them apart.
// CHECK-LABEL: func.func @one_bias
// CHECK-COUNT-3: llama.linear
llama.weight @q : tensor<8x8xf32> role matrix sources ["q"]
llama.weight @k : tensor<4x8xf32> role matrix sources ["k"]
llama.weight @v : tensor<4x8xf32> role matrix sources ["v"]
llama.weight @kb : tensor<4xf32> role bias sources ["kb"]
func.func @one_bias(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                  %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %other: !llama.kv_layer<1 x 4 x f32, page = 32>) -> tensor<?x8xf32> {
  %wq = llama.weight_ref @q : tensor<8x8xf32>
  %wk = llama.weight_ref @k : tensor<4x8xf32>
  %wv = llama.weight_ref @v : tensor<4x8xf32>
  %bk = llama.weight_ref @kb : tensor<4xf32>
  %q = llama.linear %x, %wq : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %k = llama.linear %x, %wk bias %bk : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %v = llama.linear %x, %wv : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  // expected-remark @+1 {{query, key and value projections stay apart: only some of the projections have a bias}}
  llama.kv_append %kv, %k, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}

// -----

// Test: a query that is no projection is not this pattern; nothing is said.
// CHECK-LABEL: func.func @no_query
// CHECK-COUNT-3: llama.linear
llama.weight @q : tensor<8x8xf32> role matrix sources ["q"]
llama.weight @k : tensor<4x8xf32> role matrix sources ["k"]
llama.weight @v : tensor<4x8xf32> role matrix sources ["v"]
llama.weight @kb : tensor<4xf32> role bias sources ["kb"]
func.func @no_query(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                  %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %other: !llama.kv_layer<1 x 4 x f32, page = 32>) -> tensor<?x8xf32> {
  %wq = llama.weight_ref @q : tensor<8x8xf32>
  %wk = llama.weight_ref @k : tensor<4x8xf32>
  %wv = llama.weight_ref @v : tensor<4x8xf32>
  %bk = llama.weight_ref @kb : tensor<4xf32>
  %q = llama.linear %x, %wq : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %k = llama.linear %x, %wk : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %v = llama.linear %x, %wv : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  llama.kv_append %kv, %k, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = llama.attention %y, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}

// -----

// Test: an attention over another layer does not make its query belong to these keys.
// CHECK-LABEL: func.func @another_layer
// CHECK-COUNT-3: llama.linear
llama.weight @q : tensor<8x8xf32> role matrix sources ["q"]
llama.weight @k : tensor<4x8xf32> role matrix sources ["k"]
llama.weight @v : tensor<4x8xf32> role matrix sources ["v"]
llama.weight @kb : tensor<4xf32> role bias sources ["kb"]
func.func @another_layer(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                  %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %other: !llama.kv_layer<1 x 4 x f32, page = 32>) -> tensor<?x8xf32> {
  %wq = llama.weight_ref @q : tensor<8x8xf32>
  %wk = llama.weight_ref @k : tensor<4x8xf32>
  %wv = llama.weight_ref @v : tensor<4x8xf32>
  %bk = llama.weight_ref @kb : tensor<4xf32>
  %q = llama.linear %x, %wq : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %k = llama.linear %x, %wk : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %v = llama.linear %x, %wv : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  llama.kv_append %kv, %k, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = llama.attention %q, %other, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}
