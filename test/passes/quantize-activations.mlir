// RUN: quipu-opt %s --llama-quantize-activations | FileCheck %s
// RUN: quipu-opt %s --llama-quantize-activations=block=64 | FileCheck %s --check-prefix=WIDE
// RUN: quipu-opt %s --llama-quantize-activations=exact | FileCheck %s --check-prefix=EXACT

// Test: the input of a product with a weight in blocks is rounded behind the norm; twice is as once.
// CHECK: llama.kernel @k
// CHECK: %[[NORM:.*]] = llama.rms_norm
// CHECK: %[[ROUNDED:.*]] = llama.quantize %[[NORM]] {block = 32 : i64} : (tensor<?x64xbf16>) -> tensor<?x64xf32>
// CHECK-NEXT: llama.linear %[[ROUNDED]],
// WIDE: llama.quantize %{{.*}} {block = 64 : i64}
// EXACT-NOT: llama.quantize
llama.kernel @k(%x: tensor<?x64xf32>, %n: tensor<64xf32>, %w: tensor<8x64x!llama.block<q4_0>>) -> tensor<?x8xf32> {
  %0 = llama.rms_norm %x, %n {eps = 1.0e-05 : f64} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xbf16>
  %1 = llama.linear %0, %w : (tensor<?x64xbf16>, tensor<8x64x!llama.block<q4_0>>) -> tensor<?x8xf32>
  llama.yield %1 : tensor<?x8xf32>
}
