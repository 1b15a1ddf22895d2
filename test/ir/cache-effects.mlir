// RUN: quipu-opt %s --cse --canonicalize | FileCheck %s

!kv = !llama.kv_layer<1 x 4 x f32, page = 32>

// Test: an attention reads the cache and nothing else: two that are alike become one across a third, and one whose
// result nobody wants goes.
// CHECK-LABEL: func.func @reads
// CHECK-COUNT-2: llama.attention
// CHECK-NOT: llama.attention
// CHECK: return %[[A:.*]], %{{.*}}, %[[A]]
func.func @reads(%q: tensor<?x8xf32>, %r: tensor<?x8xf32>, %kv: !kv, %p: tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !kv, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.attention %r, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !kv, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  %2 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !kv, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  %3 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 1.5 : f64} : (tensor<?x8xf32>, !kv, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %0, %1, %2 : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}

// Test: an append writes the cache: it stays, twice where it is there twice, and what reads before it is not what reads
// behind it.
// CHECK-LABEL: func.func @writes
// CHECK: %[[BEFORE:.*]] = llama.attention
// CHECK-NEXT: llama.kv_append
// CHECK-NEXT: llama.kv_append
// CHECK-NEXT: %[[BEHIND:.*]] = llama.attention
// CHECK-NEXT: return %[[BEFORE]], %[[BEHIND]]
func.func @writes(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %kv: !kv, %p: tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !kv, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  llama.kv_append %kv, %k, %k, %p, %p : !kv, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  llama.kv_append %kv, %k, %k, %p, %p : !kv, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %1 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !kv, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// Test: a launch has these effects where it takes a layer of the cache, and none elsewhere.
llama.kernel @attend(%q: tensor<?x8xf32>, %kv: !kv, %p: tensor<?xi32>) -> tensor<?x8xf32> {
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !kv, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.kernel @double(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
// CHECK-LABEL: func.func @launches
// CHECK-NEXT: llama.launch @attend
// CHECK-NEXT: llama.launch @double
// CHECK-NEXT: return
func.func @launches(%q: tensor<?x8xf32>, %kv: !kv, %p: tensor<?xi32>) -> tensor<?x8xf32> {
  %0 = llama.launch @attend(%q, %kv, %p) : (tensor<?x8xf32>, !kv, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.launch @double(%q) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = llama.launch @double(%q) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = llama.launch @double(%0) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}
