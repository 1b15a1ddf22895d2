// RUN: quipu-opt %s --llama-expand | FileCheck %s

// Test: a gated MLP becomes three linears and a gate whose result has the type of the input.
// CHECK-LABEL: func.func @gated_mlp
// CHECK-SAME: %[[X:.*]]: tensor<?x8xbf16>, %[[G:.*]]: tensor<12x8xbf16>, %[[U:.*]]: tensor<12x8xbf16>, %[[D:.*]]: tensor<8x12xbf16>
// CHECK: %[[GATE:.*]] = llama.linear %[[X]], %[[G]] : {{.*}} -> tensor<?x12xf32>
// CHECK: %[[UP:.*]] = llama.linear %[[X]], %[[U]] : {{.*}} -> tensor<?x12xf32>
// CHECK: %[[H:.*]] = llama.gate %[[GATE]], %[[UP]] activation silu : {{.*}} -> tensor<?x12xbf16>
// CHECK: %[[Y:.*]] = llama.linear %[[H]], %[[D]] : {{.*}} -> tensor<?x8xf32>
// CHECK: return %[[Y]]
func.func @gated_mlp(%x: tensor<?x8xbf16>, %g: tensor<12x8xbf16>, %u: tensor<12x8xbf16>, %d: tensor<8x12xbf16>)
    -> tensor<?x8xf32> {
  %y = llama.gated_mlp %x, %g, %u, %d {activation = #llama.activation<silu>}
     : (tensor<?x8xbf16>, tensor<12x8xbf16>, tensor<12x8xbf16>, tensor<8x12xbf16>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// Test: each bias goes to its linear; the gate keeps the activation.
// CHECK-LABEL: func.func @gated_mlp_biases
// CHECK-SAME: %[[GB:[a-z0-9]*]]: tensor<12xf32>, %[[UB:[a-z0-9]*]]: tensor<12xf32>, %[[DB:[a-z0-9]*]]: tensor<8xf32>
// CHECK: llama.linear {{.*}} bias %[[GB]]
// CHECK: llama.linear {{.*}} bias %[[UB]]
// CHECK: llama.gate {{.*}} activation gelu_tanh :
// CHECK: llama.linear {{.*}} bias %[[DB]]
func.func @gated_mlp_biases(%x: tensor<?x8xf32>, %g: tensor<12x8xf32>, %u: tensor<12x8xf32>, %d: tensor<8x12xf32>,
                            %gb: tensor<12xf32>, %ub: tensor<12xf32>, %db: tensor<8xf32>) -> tensor<?x8xf32> {
  %y = llama.gated_mlp %x, %g, %u, %d bias %gb, %ub, %db {activation = #llama.activation<gelu_tanh>}
     : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12x8xf32>, tensor<8x12xf32>, tensor<12xf32>, tensor<12xf32>,
        tensor<8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// Test: the LM head gathers its rows first, and its norm rounds to the compute type.
// CHECK-LABEL: func.func @lm_head
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[ROWS:.*]]: tensor<?xi32>, %[[N:.*]]: tensor<8xbf16>, %[[W:.*]]: tensor<16x8xbf16>
// CHECK: %[[R:.*]] = llama.gather_rows %[[X]], %[[ROWS]] : {{.*}} -> tensor<?x8xf32>
// CHECK: %[[NORM:.*]] = llama.rms_norm %[[R]], %[[N]] {eps = 1.000000e-05 : f64} : {{.*}} -> tensor<?x8xbf16>
// CHECK: %[[Y:.*]] = llama.linear %[[NORM]], %[[W]] : {{.*}} -> tensor<?x16xf32>
// CHECK: return %[[Y]]
func.func @lm_head(%x: tensor<?x8xf32>, %rows: tensor<?xi32>, %n: tensor<8xbf16>, %w: tensor<16x8xbf16>)
    -> tensor<?x16xf32> {
  %y = llama.lm_head %x, %rows, %n, %w {eps = 1.0e-05 : f64, computeType = bf16}
     : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xbf16>, tensor<16x8xbf16>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// Test: one table, at the head of the function, serves all rotary embeddings of one rope and head size.
// CHECK-LABEL: func.func @rotary
// CHECK-SAME: %[[Q:.*]]: tensor<?x16xf32>, %[[K:.*]]: tensor<?x8xf32>, %[[P:.*]]: tensor<?xi32>, %[[W:.*]]: tensor<8x8xf32>
// CHECK-NEXT: %[[T:.*]] = llama.rotary_table %[[P]] {headDim = 4 : i64, rope = #llama.rope<theta = 1.000000e+04, layout = interleaved>} : (tensor<?xi32>) -> tensor<?x4xf32>
// CHECK-NOT: llama.rotary_table
// CHECK: llama.rotate %[[Q]], %[[T]] layout interleaved {headDim = 4 : i64} : {{.*}} -> tensor<?x16xbf16>
// CHECK: %[[L:.*]] = llama.linear
// CHECK: llama.rotate %[[L]], %[[T]] layout interleaved {headDim = 4 : i64} : {{.*}} -> tensor<?x8xf32>
func.func @rotary(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %positions: tensor<?xi32>, %w: tensor<8x8xf32>)
    -> (tensor<?x16xbf16>, tensor<?x8xf32>) {
  %0 = llama.rotary %q, %positions {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = interleaved>}
     : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xbf16>
  %1 = llama.linear %k, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %2 = llama.rotary %1, %positions {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = interleaved>}
     : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %0, %2 : tensor<?x16xbf16>, tensor<?x8xf32>
}

// Test: another rope, another head size and other positions each have a table of their own.
// CHECK-LABEL: func.func @different_tables
// CHECK-COUNT-4: llama.rotary_table
// CHECK-NOT: llama.rotary_table
// CHECK-COUNT-4: llama.rotate
func.func @different_tables(%x: tensor<?x16xf32>, %p: tensor<?xi32>, %other: tensor<?xi32>)
    -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  %0 = llama.rotary %x, %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>}
     : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %1 = llama.rotary %x, %p {headDim = 4 : i64, rope = #llama.rope<theta = 5.0e+05, layout = half>}
     : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %2 = llama.rotary %x, %p {headDim = 8 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>}
     : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %3 = llama.rotary %x, %other {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>}
     : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return %0, %1, %2, %3 : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}
