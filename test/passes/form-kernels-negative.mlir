// RUN: quipu-opt %s --llama-form-kernels --split-input-file --verify-diagnostics | FileCheck %s

// Test: an addition of what depends on the linear itself cannot be computed in it.
// CHECK: llama.kernel @forward.linear(
// CHECK-NOT: llama.add
// CHECK: llama.kernel @forward.rms_norm(
// CHECK: llama.kernel @forward.add(
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = llama.add %0, %1 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// -----

// Test: an attention that reads the cache before the append stays before it: the append is a kernel of its own when
// its results would come too late for the attention.
// CHECK-LABEL: func.func @forward
// CHECK: %[[QKV:.*]] = llama.launch @forward.qkv
// CHECK: %[[Q:.*]]:3 = llama.launch @forward.split(%[[QKV]])
// CHECK: llama.launch @forward.attention(%[[Q]]#0
// CHECK: llama.launch @forward.kv_append(
func.func @forward(%x: tensor<?x8xf32>, %w: tensor<16x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                   %kv: !llama.kv_layer<1 x 4 x f32, page = 32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32> loc("layers.0.qkv")
  %q, %k, %v = llama.split %0 : (tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  %a = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  llama.kv_append %kv, %k, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return %a : tensor<?x8xf32>
}

// -----

// Test: rotations by two tables are no epilogue of one kernel.
// CHECK: llama.kernel @forward.qkv({{.*}}) -> tensor<?x16xf32> {
// CHECK-NEXT: llama.linear
// CHECK-NEXT: llama.yield
// CHECK-LABEL: func.func @forward
// CHECK: llama.launch @forward.qkv
// CHECK: llama.launch @forward.split
// CHECK: llama.launch @forward.rotate(
// CHECK: llama.launch @forward.rotate_1(
// CHECK: llama.launch @forward.kv_append
func.func @forward(%x: tensor<?x8xf32>, %w: tensor<16x8xf32>, %t: tensor<?x4xf32>, %u: tensor<?x4xf32>, %p: tensor<?xi32>,
                   %s: tensor<?xi32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32> loc("layers.0.qkv")
  %q, %k, %v = llama.split %0 : (tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  %qr = llama.rotate %q, %t layout half {headDim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  %kr = llama.rotate %k, %u layout half {headDim = 4 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  llama.kv_append %kv, %kr, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return %qr : tensor<?x8xf32>
}

// -----

// Test: nor those of two layouts, which share no kernel either.
// CHECK: llama.kernel @forward.qkv({{.*}}) -> tensor<?x12xf32> {
// CHECK-NEXT: llama.linear
// CHECK-NEXT: llama.yield
// CHECK: llama.kernel @forward.rotate(
// CHECK-NEXT: layout half
// CHECK: llama.kernel @forward.rotate_1(
// CHECK-NEXT: layout interleaved
// CHECK-LABEL: func.func @forward
// CHECK: llama.launch @forward.qkv
// CHECK: %[[P:.*]]:3 = llama.launch @forward.split
// CHECK: llama.launch @forward.rotate(%[[P]]#0
// CHECK: llama.launch @forward.rotate_1(%[[P]]#1
// CHECK: llama.launch @forward.kv_append
func.func @forward(%x: tensor<?x8xf32>, %w: tensor<12x8xf32>, %t: tensor<?x4xf32>, %p: tensor<?xi32>,
                   %s: tensor<?xi32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>) -> tensor<?x4xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32> loc("layers.0.qkv")
  %q, %k, %v = llama.split %0 : (tensor<?x12xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  %qr = llama.rotate %q, %t layout half {headDim = 4 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %kr = llama.rotate %k, %t layout interleaved {headDim = 4 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  llama.kv_append %kv, %kr, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return %qr : tensor<?x4xf32>
}

// -----

// Test: gates of two activations share no kernel.
// CHECK: llama.kernel @forward.gate(
// CHECK-NEXT: activation silu
// CHECK: llama.kernel @forward.gate_1(
// CHECK-NEXT: activation gelu_tanh
// CHECK-LABEL: func.func @forward
// CHECK: %[[A:.*]] = llama.launch @forward.gate(
// CHECK: llama.launch @forward.gate_1(%[[A]]
func.func @forward(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.gate %x, %y activation silu : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = llama.gate %0, %y activation gelu_tanh : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// -----

// Test: nor those by a table that is not f32.
// CHECK: llama.kernel @forward.qkv({{.*}}) -> tensor<?x16xf32> {
// CHECK-NEXT: llama.linear
// CHECK-NEXT: llama.yield
// CHECK-LABEL: func.func @forward
// CHECK: llama.launch @forward.qkv
// CHECK: llama.launch @forward.split
// CHECK: llama.launch @forward.rotate(
// CHECK: llama.launch @forward.rotate_1(
// CHECK: llama.launch @forward.kv_append
func.func @forward(%x: tensor<?x8xf32>, %w: tensor<16x8xf32>, %t: tensor<?x4xbf16>, %u: tensor<?x4xbf16>, %p: tensor<?xi32>,
                   %s: tensor<?xi32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32> loc("layers.0.qkv")
  %q, %k, %v = llama.split %0 : (tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  %qr = llama.rotate %q, %t layout half {headDim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xbf16>) -> tensor<?x8xf32>
  %kr = llama.rotate %k, %t layout half {headDim = 4 : i64} : (tensor<?x4xf32>, tensor<?x4xbf16>) -> tensor<?x4xf32>
  llama.kv_append %kv, %kr, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return %qr : tensor<?x8xf32>
}

// -----

// Test: nor those of other heads than the cache has.
// CHECK: llama.kernel @forward.qkv({{.*}}) -> tensor<?x24xf32> {
// CHECK-NEXT: llama.linear
// CHECK-NEXT: llama.yield
// CHECK-LABEL: func.func @forward
// CHECK: llama.launch @forward.qkv
// CHECK: llama.launch @forward.split
// CHECK: llama.launch @forward.rotate(
// CHECK: llama.launch @forward.rotate(
// CHECK: llama.launch @forward.kv_append
func.func @forward(%x: tensor<?x8xf32>, %w: tensor<24x8xf32>, %t: tensor<?x4xf32>, %u: tensor<?x4xf32>, %p: tensor<?xi32>,
                   %s: tensor<?xi32>, %kv: !llama.kv_layer<1 x 8 x f32, page = 32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<24x8xf32>) -> tensor<?x24xf32> loc("layers.0.qkv")
  %q, %k, %v = llama.split %0 : (tensor<?x24xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>)
  %qr = llama.rotate %q, %t layout half {headDim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  %kr = llama.rotate %k, %t layout half {headDim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  llama.kv_append %kv, %kr, %v, %p, %s : !llama.kv_layer<1 x 8 x f32, page = 32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  return %qr : tensor<?x8xf32>
}

// -----

// Test: keys that something else reads too are no part of a fused projection: the form has one result.
// CHECK: llama.kernel @forward.qkv({{.*}}) -> tensor<?x16xf32> {
// CHECK-NEXT: llama.linear
// CHECK-NEXT: llama.yield
// CHECK-LABEL: func.func @forward
// CHECK: llama.launch @forward.qkv
// CHECK: llama.launch @forward.split
// CHECK: llama.launch @forward.rotate(
// CHECK: llama.launch @forward.rotate_1(
// CHECK: llama.launch @forward.kv_append
func.func @forward(%x: tensor<?x8xf32>, %w: tensor<16x8xf32>, %t: tensor<?x4xf32>, %u: tensor<?x4xf32>, %p: tensor<?xi32>,
                   %s: tensor<?xi32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>) -> (tensor<?x8xf32>, tensor<?x4xf32>)
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32> loc("layers.0.qkv")
  %q, %k, %v = llama.split %0 : (tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  %qr = llama.rotate %q, %t layout half {headDim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  %kr = llama.rotate %k, %t layout half {headDim = 4 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  llama.kv_append %kv, %kr, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return %qr, %kr : tensor<?x8xf32>, tensor<?x4xf32>
}

// -----

// Test: two accesses to the cache keep their order where a later rotation would draw the append past the attention.
// CHECK-LABEL: func.func @forward
// CHECK: llama.launch @forward.rotate
// CHECK: llama.launch @forward.kv_append
// CHECK: llama.launch @forward.attention
// CHECK: llama.launch @forward.kv_append
func.func @forward(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>, %w: tensor<16x8xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                   %t: tensor<?x4xf32>, %q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>)
    -> (tensor<?x8xf32>, tensor<?x8xf32>) attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.rotate %y, %t layout half {headDim = 4 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  llama.kv_append %kv, %0, %y, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  %a = llama.attention %q, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64}
     : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  llama.kv_append %kv, %y, %0, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return %a, %q : tensor<?x8xf32>, tensor<?x8xf32>
}

// -----

// Test: a gate of two linears is no epilogue, and a linear with two readers has none.
// CHECK-DAG: llama.kernel @forward.gate(%{{.*}}: tensor<?x8xf32>, %{{.*}}: tensor<?x8xf32>)
// CHECK-DAG: llama.kernel @forward.add(
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = llama.linear %0, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %2 = llama.gate %0, %1 activation silu : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %3 = llama.linear %2, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %4 = llama.add %3, %3 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %4 : tensor<?x8xf32>
}

// -----

// Test: a function that is no program is left alone.
// CHECK-NOT: llama.kernel
// CHECK-LABEL: func.func @helper
// CHECK: llama.linear
func.func @helper(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: semantic ops must have been expanded.
func.func @forward(%x: tensor<?x8xf32>, %p: tensor<?xi32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  // expected-error @+1 {{'llama.rotary' op is no part of a kernel; run llama-expand first}}
  %0 = llama.rotary %x, %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
