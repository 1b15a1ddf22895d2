// RUN: quipu-opt %s --inline | FileCheck %s

// Test: a launch is a call of its kernel: MLIR's inliner puts the ops of the kernel in its place.
llama.kernel @norm_twice(%x: tensor<?x8xf32>, %w: tensor<8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %0 = llama.rms_norm %x, %w {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %w {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  llama.yield %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}
// CHECK-LABEL: func.func @program
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<8xf32>)
// CHECK-NEXT: %[[A:.*]] = llama.rms_norm %[[X]], %[[W]]
// CHECK-NEXT: %[[B:.*]] = llama.rms_norm %[[A]], %[[W]]
// CHECK-NEXT: %[[C:.*]] = llama.rms_norm %[[B]], %[[W]]
// CHECK-NEXT: return %[[A]], %[[C]]
func.func @program(%x: tensor<?x8xf32>, %w: tensor<8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %0, %1 = llama.launch @norm_twice(%x, %w) : (tensor<?x8xf32>, tensor<8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  %2, %3 = llama.launch @norm_twice(%1, %w) : (tensor<?x8xf32>, tensor<8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return %0, %2 : tensor<?x8xf32>, tensor<?x8xf32>
}
