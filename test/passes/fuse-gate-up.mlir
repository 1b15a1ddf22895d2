// RUN: quipu-opt %s --llama-fuse-gate-up --split-input-file | FileCheck %s

// Test: gate and up become one linear on a weight of two sources, gate first, and the gate has one operand.
// CHECK: llama.weight @layers.3.mlp.gate_up : tensor<24x8xbf16> role matrix sources ["g", "u"] rows [12, 12]
// CHECK-NOT: llama.weight
// CHECK-LABEL: func.func @mlp
// CHECK-SAME: %[[X:.*]]: tensor<?x8xbf16>
// CHECK: %[[W:.*]] = llama.weight_ref @layers.3.mlp.gate_up : tensor<24x8xbf16>
// CHECK: %[[GU:.*]] = llama.linear %[[X]], %[[W]] : (tensor<?x8xbf16>, tensor<24x8xbf16>) -> tensor<?x24xf32>
// CHECK: %[[H:.*]] = llama.gate %[[GU]] activation silu : (tensor<?x24xf32>) -> tensor<?x12xbf16>
// CHECK: return %[[H]]
llama.weight @layers.3.mlp.up_proj : tensor<12x8xbf16> role matrix sources ["u"]
llama.weight @layers.3.mlp.gate_proj : tensor<12x8xbf16> role matrix sources ["g"]
func.func @mlp(%x: tensor<?x8xbf16>) -> tensor<?x12xbf16> {
  %wu = llama.weight_ref @layers.3.mlp.up_proj : tensor<12x8xbf16>
  %wg = llama.weight_ref @layers.3.mlp.gate_proj : tensor<12x8xbf16>
  %u = llama.linear %x, %wu : (tensor<?x8xbf16>, tensor<12x8xbf16>) -> tensor<?x12xf32>
  %g = llama.linear %x, %wg : (tensor<?x8xbf16>, tensor<12x8xbf16>) -> tensor<?x12xf32>
  %h = llama.gate %g, %u activation silu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xbf16>
  return %h : tensor<?x12xbf16>
}

// -----

// Test: layers that share their weights share the fused weight too; each gate keeps its activation.
// CHECK-COUNT-1: llama.weight @gate_up : tensor<24x8xf32>
// CHECK-COUNT-1: llama.weight @gate_up.bias : tensor<24xf32> role bias sources ["gb", "ub"] rows [12, 12]
// CHECK-NOT: llama.weight @
// CHECK-LABEL: func.func @shared
// CHECK: llama.linear {{.*}} bias {{.*}} -> tensor<?x24xf32>
// CHECK: llama.gate %{{.*}} activation silu
// CHECK: llama.linear {{.*}} bias {{.*}} -> tensor<?x24xf32>
// CHECK: llama.gate %{{.*}} activation gelu_tanh
llama.weight @gate : tensor<12x8xf32> role matrix sources ["g"]
llama.weight @up : tensor<12x8xf32> role matrix sources ["u"]
llama.weight @gate.bias : tensor<12xf32> role bias sources ["gb"]
llama.weight @up.bias : tensor<12xf32> role bias sources ["ub"]
func.func @shared(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %wg = llama.weight_ref @gate : tensor<12x8xf32>
  %wu = llama.weight_ref @up : tensor<12x8xf32>
  %bg = llama.weight_ref @gate.bias : tensor<12xf32>
  %bu = llama.weight_ref @up.bias : tensor<12xf32>
  %g = llama.linear %x, %wg bias %bg : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  %u = llama.linear %x, %wu bias %bu : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  %h = llama.gate %g, %u activation silu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  %g2 = llama.linear %y, %wg bias %bg : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  %u2 = llama.linear %y, %wu bias %bu : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  %h2 = llama.gate %g2, %u2 activation gelu_tanh : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  return %h, %h2 : tensor<?x12xf32>, tensor<?x12xf32>
}

// -----

// Test: slices of one tensor are joined as they are.
// CHECK: llama.weight @gate_up : tensor<24x8xf32> role matrix sources [#llama.source<"gu" rows <0 to 12 of 24>>, #llama.source<"gu" rows <12 to 24 of 24>>] rows [12, 12]
llama.weight @gate : tensor<12x8xf32> role matrix sources [#llama.source<"gu" rows <0 to 12 of 24>>]
llama.weight @up : tensor<12x8xf32> role matrix sources [#llama.source<"gu" rows <12 to 24 of 24>>]
func.func @slices(%x: tensor<?x8xf32>) -> tensor<?x12xf32> {
  %wg = llama.weight_ref @gate : tensor<12x8xf32>
  %wu = llama.weight_ref @up : tensor<12x8xf32>
  %g = llama.linear %x, %wg : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  %u = llama.linear %x, %wu : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  %h = llama.gate %g, %u activation silu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  return %h : tensor<?x12xf32>
}
