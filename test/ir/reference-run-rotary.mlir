// RUN: quipu-opt %s --llama-reference-pipeline | %run_reference | FileCheck %s
// RUN: quipu-opt %s --llama-expand --llama-reference-pipeline | %run_reference | FileCheck %s

// Test: rotary embeddings, whole and expanded, against numbers worked out by hand. A head of 4 has the frequencies 1
// and 0.01: cos 1 = 0.540302, sin 1 = 0.841471, cos 0.01 = 0.99995, sin 0.01 = 0.00999983.
func.func private @printMemrefF32(tensor<*xf32> {bufferization.access = "read"}) attributes {llvm.emit_c_interface}
func.func private @printMemrefI32(tensor<*xi32> {bufferization.access = "read"}) attributes {llvm.emit_c_interface}

func.func @main() {
  %x = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]> : tensor<2x4xf32>
  %p = arith.constant dense<[0, 1]> : tensor<2xi32>

  // CHECK: {{\[}}[1, 1, 0, 0],
  // CHECK-NEXT: [0.540302, 0.99995, 0.841471, 0.00999983]]
  %t = llama.rotary_table %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<2xi32>) -> tensor<2x4xf32>
  %t0 = tensor.cast %t : tensor<2x4xf32> to tensor<*xf32>
  call @printMemrefF32(%t0) : (tensor<*xf32>) -> ()

  // Pairs (0, 2) and (1, 3): 1 cos - 3 sin, 2 cos - 4 sin, 3 cos + 1 sin, 4 cos + 2 sin.
  // CHECK: {{\[}}[1, 2, 3, 4],
  // CHECK-NEXT: [-1.98411, 1.9599, 2.46238, 4.0198]]
  %half = llama.rotary %x, %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  %half0 = tensor.cast %half : tensor<2x4xf32> to tensor<*xf32>
  call @printMemrefF32(%half0) : (tensor<*xf32>) -> ()

  // Pairs (0, 1) and (2, 3): 1 cos - 2 sin, 2 cos + 1 sin, 3 cos - 4 sin, 4 cos + 3 sin.
  // CHECK: {{\[}}[1, 2, 3, 4],
  // CHECK-NEXT: [-1.14264, 1.92208, 2.95985, 4.0298]]
  %interleaved = llama.rotary %x, %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = interleaved>} : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  %interleaved0 = tensor.cast %interleaved : tensor<2x4xf32> to tensor<*xf32>
  call @printMemrefF32(%interleaved0) : (tensor<*xf32>) -> ()

  // Two heads of 2, both with the frequency 1.
  // CHECK: {{\[}}[1, 2, 3, 4],
  // CHECK-NEXT: [-1.14264, 1.92208, -1.74498, 4.68562]]
  %heads = llama.rotary %x, %p {headDim = 2 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  %heads0 = tensor.cast %heads : tensor<2x4xf32> to tensor<*xf32>
  call @printMemrefF32(%heads0) : (tensor<*xf32>) -> ()

  // Linear scaling by 2 at position 2 is no scaling at position 1.
  // CHECK: {{\[}}[-1.98411, 1.9599, 2.46238, 4.0198],
  %two = arith.constant dense<[2, 0]> : tensor<2xi32>
  %linear = llama.rotary %x, %two {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half, scaling = linear, factor = 2.0>} : (tensor<2x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  %linear0 = tensor.cast %linear : tensor<2x4xf32> to tensor<*xf32>
  call @printMemrefF32(%linear0) : (tensor<*xf32>) -> ()

  // llama3 with an original context of 62: the wavelength of frequency 1 (6.3) is below 62 / 8, unchanged; that of 0.01
  // (628) above 62 / 1, divided by 4: 0.0025.
  // CHECK: {{\[}}[1, 1, 0, 0],
  // CHECK-NEXT: [0.540302, 0.999997, 0.841471, 0.0025]]
  %l3 = llama.rotary_table %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half, scaling = llama3, factor = 4.0, lowFreqFactor = 1.0, highFreqFactor = 8.0, originalContext = 62>} : (tensor<2xi32>) -> tensor<2x4xf32>
  %l30 = tensor.cast %l3 : tensor<2x4xf32> to tensor<*xf32>
  call @printMemrefF32(%l30) : (tensor<*xf32>) -> ()

  // Divisors 0.5 and 4: the frequencies 2 and 0.0025.
  // CHECK: {{\[}}[1, 1, 0, 0],
  // CHECK-NEXT: [-0.416147, 0.999997, 0.909297, 0.0025]]
  %d = llama.rotary_table %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half, divisors = [0.5, 4.0]>} : (tensor<2xi32>) -> tensor<2x4xf32>
  %d0 = tensor.cast %d : tensor<2x4xf32> to tensor<*xf32>
  call @printMemrefF32(%d0) : (tensor<*xf32>) -> ()
  return
}
