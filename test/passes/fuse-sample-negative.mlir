// RUN: quipu-opt %s --llama-fuse-sample --split-input-file --debug-only=llama-fuse-sample -o %t.mlir 2>&1 | FileCheck %s --check-prefix=WHY
// RUN: FileCheck %s < %t.mlir

// Test: sums of a residual addition are no logits of a product alone.
// WHY: @decode: llama.sample at {{.*}} stays in the program: @add does not end in a product alone
// CHECK: llama.kernel @add({{.*}}) -> tensor<?x16xf32>
// CHECK: llama.sample
llama.kernel @add(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>, %y: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = llama.linear %1, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  %3 = llama.add %2, %y : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  llama.yield %3 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>, %y: tensor<?x16xf32>) -> tensor<?xi32>
    attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @add(%x, %r, %n, %w, %y) : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  %1 = llama.sample %0 greedy : (tensor<?x16xf32>) -> tensor<?xi32>
  return %1 : tensor<?xi32>
}

// -----

// Test: the choice is that of the logits as they are stored.
// WHY: stays in the program: its logits are rounded
// CHECK: llama.kernel @rounded({{.*}}) -> tensor<?x16xbf16>
// CHECK: llama.sample
llama.kernel @rounded(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>) -> tensor<?x16xbf16> {
  %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = llama.linear %1, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xbf16>
  llama.yield %2 : tensor<?x16xbf16>
}
func.func @decode(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>) -> tensor<?xi32>
    attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @rounded(%x, %r, %n, %w) : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>) -> tensor<?x16xbf16>
  %1 = llama.sample %0 greedy : (tensor<?x16xbf16>) -> tensor<?xi32>
  return %1 : tensor<?xi32>
}

// -----

// Test: rows of all tokens may be many, and code for many rows chooses nothing.
// WHY: stays in the program: its rows are those of all tokens
// CHECK: llama.kernel @all({{.*}}) -> tensor<?x16xf32>
// CHECK: llama.sample
llama.kernel @all(%x: tensor<?x8xf32>, %w: tensor<16x8xf32>) -> tensor<?x16xf32> {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  llama.yield %0 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %w: tensor<16x8xf32>) -> tensor<?xi32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @all(%x, %w) : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  %1 = llama.sample %0 greedy : (tensor<?x16xf32>) -> tensor<?xi32>
  return %1 : tensor<?xi32>
}

// -----

// Test: a kernel of several launches, of which one is chosen from; and logits that the program is given.
// WHY: stays in the program: @twice has several launches
// WHY: stays in the program: no launch gives its logits
// CHECK: llama.kernel @twice({{.*}}) -> tensor<?x16xf32>
// CHECK: llama.sample
// CHECK: llama.sample
llama.kernel @twice(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>) -> tensor<?x16xf32> {
  %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = llama.linear %1, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  llama.yield %2 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>, %y: tensor<?x16xf32>)
    -> (tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>) attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @twice(%x, %r, %n, %w) : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  %1 = llama.launch @twice(%x, %r, %n, %w) : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  %2 = llama.sample %0 greedy : (tensor<?x16xf32>) -> tensor<?xi32>
  %3 = llama.sample %y greedy : (tensor<?x16xf32>) -> tensor<?xi32>
  return %1, %2, %3 : tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
}
