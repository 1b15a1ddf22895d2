// RUN: quipu-opt %s --llama-fuse-gate-up --verify-diagnostics --split-input-file -o %t
// RUN: FileCheck %s --input-file %t

// Test: projections of different inputs stay apart.
// CHECK-LABEL: func.func @different_inputs
// CHECK-COUNT-2: llama.linear
// CHECK: llama.gate {{.*}}, {{.*}} activation
llama.weight @gate : tensor<12x8xf32> role matrix sources ["g"]
llama.weight @up : tensor<12x8xf32> role matrix sources ["u"]
llama.weight @up.bias : tensor<12xf32> role bias sources ["ub"]
func.func @different_inputs(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %w: tensor<12x8xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %wg = llama.weight_ref @gate : tensor<12x8xf32>
  %wu = llama.weight_ref @up : tensor<12x8xf32>
  %b = llama.weight_ref @up.bias : tensor<12xf32>
  %g = llama.linear %x, %wg : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  %u = llama.linear %y, %wu : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  // expected-remark @+1 {{gate and up projections stay apart: the projections have different inputs}}
  %h = llama.gate %g, %u activation silu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  return %h, %h : tensor<?x12xf32>, tensor<?x12xf32>
}

// -----

// Test: weights of different element types stay apart.
// CHECK-LABEL: func.func @different_types
// CHECK-COUNT-2: llama.linear
// CHECK: llama.gate {{.*}}, {{.*}} activation
llama.weight @gate : tensor<12x8xf32> role matrix sources ["g"]
llama.weight @up : tensor<12x8xf16> role matrix sources ["u"]
llama.weight @up.bias : tensor<12xf32> role bias sources ["ub"]
func.func @different_types(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %w: tensor<12x8xf16>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %wg = llama.weight_ref @gate : tensor<12x8xf32>
  %wu = llama.weight_ref @up : tensor<12x8xf16>
  %b = llama.weight_ref @up.bias : tensor<12xf32>
  %g = llama.linear %x, %wg : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  %u = llama.linear %x, %wu : (tensor<?x8xf32>, tensor<12x8xf16>) -> tensor<?x12xf32>
  // expected-remark @+1 {{gate and up projections stay apart: the weights have different element types, f32 and f16}}
  %h = llama.gate %g, %u activation silu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  return %h, %h : tensor<?x12xf32>, tensor<?x12xf32>
}

// -----

// Test: results of different element types stay apart.
// CHECK-LABEL: func.func @different_results
// CHECK-COUNT-2: llama.linear
// CHECK: llama.gate {{.*}}, {{.*}} activation
llama.weight @gate : tensor<12x8xf32> role matrix sources ["g"]
llama.weight @up : tensor<12x8xf32> role matrix sources ["u"]
llama.weight @up.bias : tensor<12xf32> role bias sources ["ub"]
func.func @different_results(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %w: tensor<12x8xf32>) -> (tensor<?x12xf32>, tensor<?x12xbf16>) {
  %wg = llama.weight_ref @gate : tensor<12x8xf32>
  %wu = llama.weight_ref @up : tensor<12x8xf32>
  %b = llama.weight_ref @up.bias : tensor<12xf32>
  %g = llama.linear %x, %wg : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  %u = llama.linear %x, %wu : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xbf16>
  // expected-remark @+1 {{gate and up projections stay apart: the projections yield different element types, f32 and bf16}}
  %h = llama.gate %g, %u activation silu : (tensor<?x12xf32>, tensor<?x12xbf16>) -> tensor<?x12xf32>
  return %h, %u : tensor<?x12xf32>, tensor<?x12xbf16>
}

// -----

// Test: a bias on one of them alone keeps them apart.
// CHECK-LABEL: func.func @one_bias
// CHECK-COUNT-2: llama.linear
// CHECK: llama.gate {{.*}}, {{.*}} activation
llama.weight @gate : tensor<12x8xf32> role matrix sources ["g"]
llama.weight @up : tensor<12x8xf32> role matrix sources ["u"]
llama.weight @up.bias : tensor<12xf32> role bias sources ["ub"]
func.func @one_bias(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %w: tensor<12x8xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %wg = llama.weight_ref @gate : tensor<12x8xf32>
  %wu = llama.weight_ref @up : tensor<12x8xf32>
  %b = llama.weight_ref @up.bias : tensor<12xf32>
  %g = llama.linear %x, %wg : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  %u = llama.linear %x, %wu bias %b : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  // expected-remark @+1 {{gate and up projections stay apart: only some of the projections have a bias}}
  %h = llama.gate %g, %u activation silu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  return %h, %h : tensor<?x12xf32>, tensor<?x12xf32>
}

// -----

// Test: a projection that something else reads must stay.
// CHECK-LABEL: func.func @another_use
// CHECK-COUNT-2: llama.linear
// CHECK: llama.gate {{.*}}, {{.*}} activation
llama.weight @gate : tensor<12x8xf32> role matrix sources ["g"]
llama.weight @up : tensor<12x8xf32> role matrix sources ["u"]
llama.weight @up.bias : tensor<12xf32> role bias sources ["ub"]
func.func @another_use(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %w: tensor<12x8xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %wg = llama.weight_ref @gate : tensor<12x8xf32>
  %wu = llama.weight_ref @up : tensor<12x8xf32>
  %b = llama.weight_ref @up.bias : tensor<12xf32>
  %g = llama.linear %x, %wg : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  %u = llama.linear %x, %wu : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  // expected-remark @+1 {{gate and up projections stay apart: a projection has another use}}
  %h = llama.gate %g, %u activation silu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  return %h, %u : tensor<?x12xf32>, tensor<?x12xf32>
}

// -----

// Test: a matrix that is no weight of the module cannot be joined.
// CHECK-LABEL: func.func @no_weight
// CHECK-COUNT-2: llama.linear
// CHECK: llama.gate {{.*}}, {{.*}} activation
llama.weight @gate : tensor<12x8xf32> role matrix sources ["g"]
llama.weight @up : tensor<12x8xf32> role matrix sources ["u"]
llama.weight @up.bias : tensor<12xf32> role bias sources ["ub"]
func.func @no_weight(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %w: tensor<12x8xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %wg = llama.weight_ref @gate : tensor<12x8xf32>
  %wu = llama.weight_ref @up : tensor<12x8xf32>
  %b = llama.weight_ref @up.bias : tensor<12xf32>
  %g = llama.linear %x, %wg : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  %u = llama.linear %x, %w : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  // expected-remark @+1 {{gate and up projections stay apart: a projection does not read a llama.weight}}
  %h = llama.gate %g, %u activation silu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  return %h, %h : tensor<?x12xf32>, tensor<?x12xf32>
}

// -----

// Test: one linear as gate and up is not joined with itself.
// CHECK-LABEL: func.func @itself
// CHECK-COUNT-2: llama.linear
// CHECK: llama.gate {{.*}}, {{.*}} activation
llama.weight @gate : tensor<12x8xf32> role matrix sources ["g"]
llama.weight @up : tensor<12x8xf32> role matrix sources ["u"]
llama.weight @up.bias : tensor<12xf32> role bias sources ["ub"]
func.func @itself(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>, %w: tensor<12x8xf32>) -> (tensor<?x12xf32>, tensor<?x12xf32>) {
  %wg = llama.weight_ref @gate : tensor<12x8xf32>
  %wu = llama.weight_ref @up : tensor<12x8xf32>
  %b = llama.weight_ref @up.bias : tensor<12xf32>
  %g = llama.linear %x, %wg : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  %u = llama.linear %x, %wu : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  // expected-remark @+1 {{gate and up projections stay apart: the projections are not distinct}}
  %h = llama.gate %g, %g activation silu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  return %h, %u : tensor<?x12xf32>, tensor<?x12xf32>
}

// -----

// Test: a weight to which a number is added while it is loaded stays apart.
// CHECK-LABEL: func.func @plus
// CHECK-COUNT-2: llama.linear
// CHECK: llama.gate {{.*}}, {{.*}} activation
llama.weight @gate : tensor<12x8xf32> role matrix sources ["g"]
llama.weight @up : tensor<12x8xf32> role matrix sources ["u"] {plus = 1.0 : f64}
func.func @plus(%x: tensor<?x8xf32>) -> tensor<?x12xf32> {
  %wg = llama.weight_ref @gate : tensor<12x8xf32>
  %wu = llama.weight_ref @up : tensor<12x8xf32>
  %g = llama.linear %x, %wg : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  %u = llama.linear %x, %wu : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x12xf32>
  // expected-remark @+1 {{gate and up projections stay apart: @up has `plus`}}
  %h = llama.gate %g, %u activation silu : (tensor<?x12xf32>, tensor<?x12xf32>) -> tensor<?x12xf32>
  return %h : tensor<?x12xf32>
}
