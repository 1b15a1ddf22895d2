// RUN: quipu-opt %s --llama-split-scores=kinds=prefill --split-input-file --verify-diagnostics --debug-only=llama-split-scores -o %t.mlir 2>&1 | FileCheck %s --check-prefix=WHY
// RUN: FileCheck %s --implicit-check-not=log_prob --implicit-check-not=_score < %t.mlir

// Test: sums of a residual addition are no logits of a product alone.
// WHY: llama-split-scores: @prefill: no program that scores: @add does not end in a product alone
// CHECK: func.func @prefill(
// CHECK-SAME: -> (tensor<?x16xf32> {llama.name = "logits"})
llama.kernel @add(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>, %y: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = llama.linear %1, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  %3 = llama.add %2, %y : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  llama.yield %3 : tensor<?x16xf32>
}
func.func @prefill(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>, %y: tensor<?x16xf32>, %targets: tensor<?xi32> {llama.name = "targets"})
    -> (tensor<?x16xf32> {llama.name = "logits"}, tensor<?xf32> {llama.name = "log_probs"}) attributes {llama.program = #llama.program<prefill, rows = 1 to 8>} {
  %0 = llama.launch @add(%x, %r, %n, %w, %y) : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
  %1 = llama.log_prob %0, %targets : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  return %0, %1 : tensor<?x16xf32>, tensor<?xf32>
}

// -----

// Test: programs of another kind.
// WHY: @decode: no program that scores: kinds=prefill
// CHECK: func.func @decode(
llama.kernel @prefill.head(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>) -> tensor<?x16xf32> {
  %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = llama.linear %1, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  llama.yield %2 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>, %y: tensor<?x16xf32>, %targets: tensor<?xi32> {llama.name = "targets"})
    -> (tensor<?x16xf32> {llama.name = "logits"}, tensor<?xf32> {llama.name = "log_probs"}) attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @prefill.head(%x, %r, %n, %w) : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  %1 = llama.log_prob %0, %targets : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  return %0, %1 : tensor<?x16xf32>, tensor<?xf32>
}

// -----

// Test: logits that are an argument, and logits that are rounded.
// WHY: @prefill: no program that scores: no launch gives its logits
// WHY: @rounded: no program that scores: its logits are rounded
// CHECK: func.func @prefill(
// CHECK: func.func @rounded(
llama.kernel @bf16(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>) -> tensor<?x16xbf16> {
  %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = llama.linear %1, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xbf16>
  llama.yield %2 : tensor<?x16xbf16>
}
func.func @prefill(%logits: tensor<?x16xf32>, %targets: tensor<?xi32> {llama.name = "targets"})
    -> (tensor<?x16xf32> {llama.name = "logits"}, tensor<?xf32> {llama.name = "log_probs"}) attributes {llama.program = #llama.program<prefill, rows = 1 to 8>} {
  %0 = llama.log_prob %logits, %targets : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  return %logits, %0 : tensor<?x16xf32>, tensor<?xf32>
}
func.func @rounded(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>, %targets: tensor<?xi32> {llama.name = "targets"})
    -> (tensor<?x16xbf16> {llama.name = "logits"}, tensor<?xf32> {llama.name = "log_probs"}) attributes {llama.program = #llama.program<prefill, rows = 1 to 8>} {
  %0 = llama.launch @bf16(%x, %r, %n, %w) : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>) -> tensor<?x16xbf16>
  %1 = llama.log_prob %0, %targets : (tensor<?x16xbf16>, tensor<?xi32>) -> tensor<?xf32>
  return %0, %1 : tensor<?x16xbf16>, tensor<?xf32>
}

// -----

// Test: rows of all tokens, and targets that the program computes.
// WHY: @prefill: no program that scores: its rows are those of all tokens
// CHECK: func.func @prefill(
llama.kernel @all(%x: tensor<?x8xf32>, %w: tensor<16x8xf32>) -> tensor<?x16xf32> {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  llama.yield %0 : tensor<?x16xf32>
}
func.func @prefill(%x: tensor<?x8xf32>, %w: tensor<16x8xf32>, %targets: tensor<?xi32> {llama.name = "targets"})
    -> (tensor<?x16xf32> {llama.name = "logits"}, tensor<?xf32> {llama.name = "log_probs"}) attributes {llama.program = #llama.program<prefill, rows = 1 to 8>} {
  %0 = llama.launch @all(%x, %w) : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  %1 = llama.log_prob %0, %targets : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  return %0, %1 : tensor<?x16xf32>, tensor<?xf32>
}

// -----

// WHY: @prefill: no program that scores: its targets are no argument of the program
// CHECK: func.func @prefill(
llama.kernel @prefill.head(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>) -> tensor<?x16xf32> {
  %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %2 = llama.linear %1, %w : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  llama.yield %2 : tensor<?x16xf32>
}
func.func @prefill(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>)
    -> (tensor<?x16xf32> {llama.name = "logits"}, tensor<?xf32> {llama.name = "log_probs"}) attributes {llama.program = #llama.program<prefill, rows = 1 to 8>} {
  %0 = llama.launch @prefill.head(%x, %r, %n, %w) : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  %ids = llama.sample %0 greedy : (tensor<?x16xf32>) -> tensor<?xi32>
  %1 = llama.log_prob %0, %ids : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  return %0, %1 : tensor<?x16xf32>, tensor<?xf32>
}
