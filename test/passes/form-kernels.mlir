// RUN: quipu-opt %s --llama-form-kernels --split-input-file --verify-diagnostics | FileCheck %s

// Test: a norm is computed in every linear that reads it; its original disappears; arguments are in order of first use.
// CHECK: llama.kernel @forward.a(%[[X:.*]]: tensor<?x8xf32>, %[[N:.*]]: tensor<8xf32>, %[[W:.*]]: tensor<12x8xf32>) -> tensor<?x12xf32> {
// CHECK-NEXT: %[[NORM:.*]] = llama.rms_norm %[[X]], %[[N]]
// CHECK-NEXT: %[[Y:.*]] = llama.linear %[[NORM]], %[[W]]
// CHECK-NEXT: llama.yield %[[Y]]
// CHECK: llama.kernel @forward.b({{.*}}: tensor<?x8xf32>, {{.*}}: tensor<8xf32>, {{.*}}: tensor<16x8xf32>) -> tensor<?x16xf32>
// CHECK-NEXT: llama.rms_norm
// CHECK-LABEL: func.func @forward
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[N:.*]]: tensor<8xf32>, %[[A:.*]]: tensor<12x8xf32>, %[[B:.*]]: tensor<16x8xf32>
// CHECK-NEXT: llama.launch @forward.a(%[[X]], %[[N]], %[[A]])
// CHECK-NEXT: llama.launch @forward.b(%[[X]], %[[N]], %[[B]])
// CHECK-NEXT: return
func.func @forward(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %a: tensor<12x8xf32>, %b: tensor<16x8xf32>)
    -> (tensor<?x12xf32>, tensor<?x16xf32>) attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.rms_norm %x, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %1 = llama.linear %0, %a : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32> loc("layers.0.a")
  %2 = llama.linear %0, %b : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32> loc("layers.0.b")
  return %1, %2 : tensor<?x12xf32>, tensor<?x16xf32>
}

// -----

// Test: a norm that something else reads too is also a kernel of its own.
// CHECK: llama.kernel @forward.rms_norm
// CHECK: llama.kernel @forward.linear({{.*}}) -> tensor<?x12xf32> {
// CHECK-NEXT: llama.rms_norm
// CHECK-LABEL: func.func @forward
// CHECK-DAG: llama.launch @forward.rms_norm
// CHECK-DAG: llama.launch @forward.linear
func.func @forward(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %a: tensor<12x8xf32>)
    -> (tensor<?x12xf32>, tensor<?x8xf32>) attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.rms_norm %x, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %1 = llama.linear %0, %a : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  return %1, %0 : tensor<?x12xf32>, tensor<?x8xf32>
}

// -----

// Test: selection of rows, norm and linear are one kernel; a residual addition goes into its linear, whichever side; the
// choice of the token stays in the program.
// CHECK: llama.kernel @forward.down(%[[H:.*]]: tensor<?x12xf32>, %[[W:.*]]: tensor<8x12xf32>, %[[X:.*]]: tensor<?x8xf32>) -> tensor<?x8xf32> {
// CHECK-NEXT: %[[D:.*]] = llama.linear %[[H]], %[[W]]
// CHECK-NEXT: %[[S:.*]] = llama.add %[[D]], %[[X]]
// CHECK-NEXT: llama.yield %[[S]]
// CHECK: llama.kernel @forward.head(%[[X:.*]]: tensor<?x8xf32>, %[[R:.*]]: tensor<?xi32>, %[[N:.*]]: tensor<8xf32>, %[[V:.*]]: tensor<16x8xf32>) -> tensor<?x16xf32> {
// CHECK-NEXT: %[[G:.*]] = llama.gather_rows %[[X]], %[[R]]
// CHECK-NEXT: %[[NORM:.*]] = llama.rms_norm %[[G]], %[[N]]
// CHECK-NEXT: llama.linear %[[NORM]], %[[V]]
// CHECK-NOT: llama.kernel
// CHECK-LABEL: func.func @forward
// CHECK: llama.sample %{{.*}} greedy
func.func @forward(%x: tensor<?x8xf32>, %h: tensor<?x12xf32>, %rows: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<8x12xf32>,
                   %v: tensor<16x8xf32>) -> tensor<?xi32> attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.linear %h, %w : (tensor<?x12xf32>, tensor<8x12xf32>) -> tensor<?x8xf32> loc("layers.0.down")
  %1 = llama.add %0, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = llama.gather_rows %1, %rows : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %3 = llama.rms_norm %2, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %4 = llama.linear %3, %v : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32> loc("head")
  %5 = llama.sample %4 greedy : (tensor<?x16xf32>) -> tensor<?xi32>
  return %5 : tensor<?xi32>
}

// -----

// Test: groups of one structure share a kernel, whatever their names and locations; another attribute, another type or
// another flow of data makes another kernel, numbered.
// CHECK: llama.kernel @forward.o(
// CHECK: llama.kernel @forward.rms_norm(
// CHECK: llama.kernel @forward.rms_norm_1(
// CHECK: llama.kernel @forward.add(%{{.*}}: tensor<?x8xf32>, %{{.*}}: tensor<?x8xf32>)
// CHECK: llama.kernel @forward.add_1(%{{.*}}: tensor<?x8xf32>)
// CHECK-LABEL: func.func @forward
// CHECK: llama.launch @forward.o(
// CHECK: llama.launch @forward.o(
// CHECK: llama.launch @forward.rms_norm(
// CHECK: llama.launch @forward.rms_norm_1(
// CHECK: llama.launch @forward.rms_norm(
// CHECK: llama.launch @forward.add(
// CHECK: llama.launch @forward.add_1(
func.func @forward(%x: tensor<?x8xf32>, %n: tensor<8xf32>, %w: tensor<8x8xf32>)
    -> tensor<?x8xf32> attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32> loc("layers.0.o")
  %1 = llama.linear %0, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32> loc("layers.1.p")
  %2 = llama.rms_norm %1, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %3 = llama.rms_norm %2, %n {eps = 1.0e-06 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %4 = llama.rms_norm %3, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %5 = llama.add %3, %4 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %6 = llama.add %5, %5 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %6 : tensor<?x8xf32>
}

// -----

// Test: a fused projection takes both rotations and the append; its result is the turned query.
// CHECK: llama.kernel @forward.qkv({{.*}}) -> tensor<?x8xf32> {
// CHECK-NEXT: llama.linear
// CHECK-NEXT: %[[P:.*]]:3 = llama.split
// CHECK-NEXT: %[[Q:.*]] = llama.rotate %[[P]]#0
// CHECK-NEXT: %[[K:.*]] = llama.rotate %[[P]]#1
// CHECK-NEXT: llama.kv_append %{{.*}}, %[[K]], %[[P]]#2
// CHECK-NEXT: llama.yield %[[Q]] :
// CHECK-NOT: llama.kernel
// CHECK-LABEL: func.func @forward
func.func @forward(%x: tensor<?x8xf32>, %w: tensor<16x8xf32>, %t: tensor<?x4xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>,
                   %kv: !llama.kv_layer<1 x 4 x f32, page = 32>) -> tensor<?x8xf32>
    attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32> loc("layers.0.qkv")
  %q, %k, %v = llama.split %0 : (tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
  %qr = llama.rotate %q, %t layout half {headDim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  %kr = llama.rotate %k, %t layout half {headDim = 4 : i64} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  llama.kv_append %kv, %kr, %v, %p, %s : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return %qr : tensor<?x8xf32>
}
