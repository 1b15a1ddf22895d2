// RUN: quipu-opt %s --llama-quantize-activations | FileCheck %s
// RUN: %status 1 quipu-opt %s --llama-quantize-activations=block=48 2>&1 | FileCheck %s --check-prefix=OPTION

// Test: blocks are of a multiple of the 32 integers that are multiplied together.
// OPTION: error: llama-quantize-activations needs a block of a multiple of 32 elements, found 48

// Test: dense weights, formats that are tables, scales for more elements than a block has, and inputs that are rounded already stay as they are.
// CHECK-NOT: llama.quantize
// CHECK: llama.kernel @rounded
// CHECK: llama.quantize
// CHECK-NOT: llama.quantize
llama.kernel @dense(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>) -> tensor<?x8xf32> {
  %0 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<8x64xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.kernel @table(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<iq4_nl>>) -> tensor<?x8xf32> {
  %0 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<8x64x!llama.block<iq4_nl>>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.kernel @long_scales(%x: tensor<?x256xf32>, %w: tensor<8x256x!llama.block<q8_k>>) -> tensor<?x8xf32> {
  %0 = llama.linear %x, %w : (tensor<?x256xf32>, tensor<8x256x!llama.block<q8_k>>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.kernel @rounded(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> {
  %0 = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = llama.linear %0, %w : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  llama.yield %1 : tensor<?x8xf32>
}
