// RUN: quipu-opt %s --llama-reference-pipeline | %run_reference | FileCheck %s

// Test: blocks are decoded as the table of formats says: rows picked from a table, and products, worked out by hand.
func.func private @printMemrefF32(tensor<*xf32> {bufferization.access = "read"}) attributes {llvm.emit_c_interface}

func.func @print(%x: tensor<?x?xf32>) {
  %0 = tensor.cast %x : tensor<?x?xf32> to tensor<*xf32>
  call @printMemrefF32(%0) : (tensor<*xf32>) -> ()
  return
}

func.func @main() {
  // Rows of two blocks: scales 0.5 (0x3800) and 2 (0x4000) with the integers 1, -2, 3, 0, ... and -128, 127, 0, ...;
  // then the smallest scale, 2^-24, with 64, and -1 (0xbc00) with 5.
  %zeros = arith.constant dense<0> : tensor<2x68xi8>
  %first = arith.constant dense<[[0, 0x38, 1, 0xfe, 3]]> : tensor<1x5xi8>
  %second = arith.constant dense<[[0, 0x40, 0x80, 127]]> : tensor<1x4xi8>
  %third = arith.constant dense<[[1, 0, 64]]> : tensor<1x3xi8>
  %fourth = arith.constant dense<[[0, 0xbc, 5]]> : tensor<1x3xi8>
  %b0 = tensor.insert_slice %first into %zeros[0, 0] [1, 5] [1, 1] : tensor<1x5xi8> into tensor<2x68xi8>
  %b1 = tensor.insert_slice %second into %b0[0, 34] [1, 4] [1, 1] : tensor<1x4xi8> into tensor<2x68xi8>
  %b2 = tensor.insert_slice %third into %b1[1, 0] [1, 3] [1, 1] : tensor<1x3xi8> into tensor<2x68xi8>
  %bytes = tensor.insert_slice %fourth into %b2[1, 34] [1, 3] [1, 1] : tensor<1x3xi8> into tensor<2x68xi8>
  %w = builtin.unrealized_conversion_cast %bytes : tensor<2x68xi8> to tensor<2x64x!llama.block<q8_0>>

  // CHECK: {{\[}}[3.8147e-06, 0, 0, 0,{{.*}} -5, -0,
  // CHECK-NEXT: [0.5, -1, 1.5, 0,{{.*}} -256, 254, 0,
  %tokens = arith.constant dense<[1, 0]> : tensor<2xi32>
  %e = llama.embedding %tokens, %w : (tensor<2xi32>, tensor<2x64x!llama.block<q8_0>>) -> tensor<2x64xf32>
  %e0 = tensor.cast %e : tensor<2x64xf32> to tensor<?x?xf32>
  call @print(%e0) : (tensor<?x?xf32>) -> ()

  // 0.5 - 1 + 1.5 - 256 + 254 and -5 + 2^-18.
  // CHECK: {{\[}}[-1, -5]]
  %x = arith.constant dense<1.0> : tensor<1x64xf32>
  %y = llama.linear %x, %w : (tensor<1x64xf32>, tensor<2x64x!llama.block<q8_0>>) -> tensor<1x2xf32>
  %y0 = tensor.cast %y : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%y0) : (tensor<?x?xf32>) -> ()

  // Of the block (254, -1, 3, 5, 0) the scale is 2: halves go to the even neighbour. Of (-0.5, 0.25) it is 0.5 / 127. A
  // block of zeros stays.
  // CHECK: {{\[}}[254, -0, 4, 4, 0,{{.*}} -0.5, 0.251969, 0,
  // CHECK-NEXT: [0, 0,
  %zero = arith.constant dense<0.0> : tensor<2x64xf32>
  %left = arith.constant dense<[[254.0, -1.0, 3.0, 5.0]]> : tensor<1x4xf32>
  %right = arith.constant dense<[[-0.5, 0.25]]> : tensor<1x2xf32>
  %q0 = tensor.insert_slice %left into %zero[0, 0] [1, 4] [1, 1] : tensor<1x4xf32> into tensor<2x64xf32>
  %q1 = tensor.insert_slice %right into %q0[0, 32] [1, 2] [1, 1] : tensor<1x2xf32> into tensor<2x64xf32>
  %q = llama.quantize %q1 {block = 32 : i64} : (tensor<2x64xf32>) -> tensor<2x64xf32>
  %q2 = tensor.cast %q : tensor<2x64xf32> to tensor<?x?xf32>
  call @print(%q2) : (tensor<?x?xf32>) -> ()
  return
}
