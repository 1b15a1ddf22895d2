// RUN: quipu-opt %s --llama-fuse-qkv --split-input-file | FileCheck %s
// RUN: quipu-opt %s --llama-expand --llama-fuse-qkv --split-input-file | FileCheck %s --check-prefix=EXPANDED

// Test: three projections of one input become one on a weight of three sources, divided by a split; theirs are erased.
// CHECK-NOT: @layers.0.self_attn.q_proj
// CHECK: llama.weight @layers.0.self_attn.qkv : tensor<16x8xf32> role matrix sources ["q", "k", "v"] rows [8, 4, 4]
// CHECK-NOT: llama.weight
// CHECK-LABEL: func.func @projections
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>
// CHECK: %[[W:.*]] = llama.weight_ref @layers.0.self_attn.qkv : tensor<16x8xf32>
// CHECK: %[[QKV:.*]] = llama.linear %[[X]], %[[W]] : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
// CHECK: %[[P:.*]]:3 = llama.split %[[QKV]] : (tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
// CHECK-NOT: llama.linear
// CHECK: %[[Q:.*]] = llama.rotary %[[P]]#0
// CHECK: %[[K:.*]] = llama.rotary %[[P]]#1
// CHECK: llama.kv_append %{{.*}}, %[[K]], %[[P]]#2
// CHECK: llama.attention %[[Q]]
// EXPANDED: %[[P:.*]]:3 = llama.split
// EXPANDED: %[[Q:.*]] = llama.rotate %[[P]]#0
// EXPANDED: %[[K:.*]] = llama.rotate %[[P]]#1
llama.weight @layers.0.self_attn.q_proj : tensor<8x8xf32> role matrix sources ["q"]
llama.weight @layers.0.self_attn.k_proj : tensor<4x8xf32> role matrix sources ["k"]
llama.weight @layers.0.self_attn.v_proj : tensor<4x8xf32> role matrix sources ["v"]
func.func @projections(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>)
    -> tensor<?x8xf32> {
  %wq = llama.weight_ref @layers.0.self_attn.q_proj : tensor<8x8xf32>
  %wk = llama.weight_ref @layers.0.self_attn.k_proj : tensor<4x8xf32>
  %wv = llama.weight_ref @layers.0.self_attn.v_proj : tensor<4x8xf32>
  %v = llama.linear %x, %wv : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %q = llama.linear %x, %wq : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %k = llama.linear %x, %wk : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %qr = llama.rotary %q, %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %kr = llama.rotary %k, %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x4xf32>
  llama.kv_append %kv, %kr, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = llama.attention %qr, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}

// -----

// Test: biases are joined likewise; a projection without a rotary embedding is found too; a weight with several sources
// already gives all of them; a weight that something else reads stays.
// CHECK: llama.weight @attn.qkv : tensor<16x8xf32> role matrix sources ["q0", "q1", "k", "v"] rows [4, 4, 4, 4]
// CHECK: llama.weight @attn.q : tensor<8x8xf32>
// CHECK-NOT: llama.weight @attn.{{[kv]}} :
// CHECK: llama.weight @attn.qkv.bias : tensor<16xf32> role bias sources ["qb", "kb", "vb"] rows [8, 4, 4]
// CHECK-NOT: llama.weight
// CHECK-LABEL: func.func @biases
// CHECK: %[[W:.*]] = llama.weight_ref @attn.qkv : tensor<16x8xf32>
// CHECK: %[[B:.*]] = llama.weight_ref @attn.qkv.bias : tensor<16xf32>
// CHECK: llama.linear %{{.*}}, %[[W]] bias %[[B]]
llama.weight @attn.q : tensor<8x8xf32> role matrix sources ["q0", "q1"] rows [4, 4]
llama.weight @attn.k : tensor<4x8xf32> role matrix sources ["k"]
llama.weight @attn.v : tensor<4x8xf32> role matrix sources ["v"]
llama.weight @attn.q.bias : tensor<8xf32> role bias sources ["qb"]
llama.weight @attn.k.bias : tensor<4xf32> role bias sources ["kb"]
llama.weight @attn.v.bias : tensor<4xf32> role bias sources ["vb"]
func.func @biases(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>)
    -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %wq = llama.weight_ref @attn.q : tensor<8x8xf32>
  %wk = llama.weight_ref @attn.k : tensor<4x8xf32>
  %wv = llama.weight_ref @attn.v : tensor<4x8xf32>
  %bq = llama.weight_ref @attn.q.bias : tensor<8xf32>
  %bk = llama.weight_ref @attn.k.bias : tensor<4xf32>
  %bv = llama.weight_ref @attn.v.bias : tensor<4xf32>
  %q = llama.linear %x, %wq bias %bq : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %k = llama.linear %x, %wk bias %bk : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %v = llama.linear %x, %wv bias %bv : (tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  llama.kv_append %kv, %k, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  %other = llama.linear %a, %wq : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %a, %other : tensor<?x8xf32>, tensor<?x8xf32>
}
