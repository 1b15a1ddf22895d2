// RUN: quipu-opt %s --llama-reference-pipeline | %run_reference | FileCheck %s

// Test: what each op on activations computes, against numbers worked out by hand.
func.func private @printMemrefF32(tensor<*xf32> {bufferization.access = "read"}) attributes {llvm.emit_c_interface}
func.func private @printMemrefI32(tensor<*xi32> {bufferization.access = "read"}) attributes {llvm.emit_c_interface}

func.func @print(%x: tensor<?x?xf32>) {
  %0 = tensor.cast %x : tensor<?x?xf32> to tensor<*xf32>
  call @printMemrefF32(%0) : (tensor<*xf32>) -> ()
  return
}

func.func @main() {
  // Rows 2 and 0 of the table.
  // CHECK: {{\[}}[5, 6],
  // CHECK-NEXT: [1, 2]]
  %table = arith.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %tokens = arith.constant dense<[2, 0]> : tensor<2xi32>
  %e = llama.embedding %tokens, %table : (tensor<2xi32>, tensor<3x2xf32>) -> tensor<2x2xf32>
  %e0 = tensor.cast %e : tensor<2x2xf32> to tensor<?x?xf32>
  call @print(%e0) : (tensor<?x?xf32>) -> ()

  // CHECK: {{\[}}[1, 2],
  // CHECK-NEXT: [5, 6]]
  %rows = arith.constant dense<[1, 0]> : tensor<2xi32>
  %r = llama.gather_rows %e, %rows : (tensor<2x2xf32>, tensor<2xi32>) -> tensor<2x2xf32>
  %r0 = tensor.cast %r : tensor<2x2xf32> to tensor<?x?xf32>
  call @print(%r0) : (tensor<?x?xf32>) -> ()

  // sqrt((9 + 16) / 2) = 3.5355; sqrt((9 + 16) / 2 + 3.5) = 4.
  // CHECK: {{\[}}[0.848528, 2.26274]]
  // CHECK: {{\[}}[0.75, 2]]
  %x = arith.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %n = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %norm = llama.rms_norm %x, %n {eps = 0.0 : f64} : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %norm0 = tensor.cast %norm : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%norm0) : (tensor<?x?xf32>) -> ()
  %normeps = llama.rms_norm %x, %n {eps = 3.5 : f64} : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %normeps0 = tensor.cast %normeps : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%normeps0) : (tensor<?x?xf32>) -> ()

  // CHECK: {{\[}}[3, 4, 11]]
  // CHECK: {{\[}}[13, 24, 41]]
  %w = arith.constant dense<[[1.0, 0.0], [0.0, 1.0], [1.0, 2.0]]> : tensor<3x2xf32>
  %b = arith.constant dense<[10.0, 20.0, 30.0]> : tensor<3xf32>
  %l = llama.linear %x, %w : (tensor<1x2xf32>, tensor<3x2xf32>) -> tensor<1x3xf32>
  %l0 = tensor.cast %l : tensor<1x3xf32> to tensor<?x?xf32>
  call @print(%l0) : (tensor<?x?xf32>) -> ()
  %lb = llama.linear %x, %w bias %b : (tensor<1x2xf32>, tensor<3x2xf32>, tensor<3xf32>) -> tensor<1x3xf32>
  %lb0 = tensor.cast %lb : tensor<1x3xf32> to tensor<?x?xf32>
  call @print(%lb0) : (tensor<?x?xf32>) -> ()

  // Half of the last place of bf16 goes to the even neighbour: 1 + 1/256 to 1, 1 + 3/256 to 1 + 4/256.
  // CHECK: {{\[}}[1, 1.01562]]
  %one = arith.constant dense<[[1.0, 1.0]]> : tensor<1x2xf32>
  %small = arith.constant dense<[[0.00390625, 0.01171875]]> : tensor<1x2xf32>
  %sum = llama.add %one, %small : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xbf16>
  %wide = llama.split %sum : (tensor<1x2xbf16>) -> tensor<1x2xf32>
  %wide0 = tensor.cast %wide : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%wide0) : (tensor<?x?xf32>) -> ()

  // f16 has eleven bits: 1 + 1/2048 goes to 1, 1 + 3/2048 to 1 + 4/2048 = 1.00195.
  // CHECK: {{\[}}[1, 1.00195]]
  %tiny = arith.constant dense<[[0.00048828125, 0.00146484375]]> : tensor<1x2xf32>
  %half = llama.add %one, %tiny : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf16>
  %halfwide = llama.split %half : (tensor<1x2xf16>) -> tensor<1x2xf32>
  %halfwide0 = tensor.cast %halfwide : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%halfwide0) : (tensor<?x?xf32>) -> ()

  // silu(1) = 0.731059, silu(-2) = -0.238406; with one operand the first half is the gate.
  // CHECK: {{\[}}[2.19318, -0.953623]]
  // CHECK: {{\[}}[2.19318, -0.953623]]
  %g = arith.constant dense<[[1.0, -2.0]]> : tensor<1x2xf32>
  %gu = arith.constant dense<[[1.0, -2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %h = llama.gate %g, %x activation silu : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %h0 = tensor.cast %h : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%h0) : (tensor<?x?xf32>) -> ()
  %h1 = llama.gate %gu activation silu : (tensor<1x4xf32>) -> tensor<1x2xf32>
  %h10 = tensor.cast %h1 : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%h10) : (tensor<?x?xf32>) -> ()

  // gelu_tanh(1) = 0.841192, gelu_tanh(-2) = -0.0454023.
  // CHECK: {{\[}}[2.52358, -0.181609]]
  %gelu = llama.gate %gu activation gelu_tanh : (tensor<1x4xf32>) -> tensor<1x2xf32>
  %gelu0 = tensor.cast %gelu : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%gelu0) : (tensor<?x?xf32>) -> ()

  // relu(1) = 1, relu(-2) = 0.
  // CHECK: {{\[}}[3, 0]]
  %relu = llama.gate %gu activation relu : (tensor<1x4xf32>) -> tensor<1x2xf32>
  %relu0 = tensor.cast %relu : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%relu0) : (tensor<?x?xf32>) -> ()

  // gate = x, up = x, down = x: [3 silu(3) , 4 silu(4)] = [8.57317, 15.7122] with identities.
  // CHECK: {{\[}}[8.57317, 15.7122]]
  %identity = arith.constant dense<[[1.0, 0.0], [0.0, 1.0]]> : tensor<2x2xf32>
  %m = llama.gated_mlp %x, %identity, %identity, %identity {activation = #llama.activation<silu>}
     : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %m0 = tensor.cast %m : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%m0) : (tensor<?x?xf32>) -> ()

  // The same with [3 gelu_tanh(3), 4 gelu_tanh(4)]; gelu_tanh(3) = 2.99636, gelu_tanh(4) = 3.99993.
  // CHECK: {{\[}}[8.98909, 15.9997]]
  %mg = llama.gated_mlp %x, %identity, %identity, %identity {activation = #llama.activation<gelu_tanh>}
     : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  %mg0 = tensor.cast %mg : tensor<1x2xf32> to tensor<?x?xf32>
  call @print(%mg0) : (tensor<?x?xf32>) -> ()

  // The norm of row 0 of e, [5, 6] / sqrt(30.5) = [0.905357, 1.08643], times [1, 2], summed by the weight's rows.
  // CHECK: {{\[}}[0.90535{{[78]}}, 2.17286, 5.25107]]
  %row0 = arith.constant dense<[0]> : tensor<1xi32>
  %logits = llama.lm_head %e, %row0, %n, %w {eps = 0.0 : f64, computeType = f32}
     : (tensor<2x2xf32>, tensor<1xi32>, tensor<2xf32>, tensor<3x2xf32>) -> tensor<1x3xf32>
  %logits0 = tensor.cast %logits : tensor<1x3xf32> to tensor<?x?xf32>
  call @print(%logits0) : (tensor<?x?xf32>) -> ()

  // Each head of two, twice.
  // CHECK: {{\[}}[1, -2, 1, -2, 3, 4, 3, 4]]
  %rep = llama.repeat_kv %gu {headDim = 2 : i64, times = 2 : i64} : (tensor<1x4xf32>) -> tensor<1x8xf32>
  %rep0 = tensor.cast %rep : tensor<1x8xf32> to tensor<?x?xf32>
  call @print(%rep0) : (tensor<?x?xf32>) -> ()

  // CHECK: {{\[}}[1]]
  // CHECK: {{\[}}[-2, 3, 4]]
  %s0, %s1 = llama.split %gu : (tensor<1x4xf32>) -> (tensor<1x1xf32>, tensor<1x3xf32>)
  %s00 = tensor.cast %s0 : tensor<1x1xf32> to tensor<?x?xf32>
  call @print(%s00) : (tensor<?x?xf32>) -> ()
  %s10 = tensor.cast %s1 : tensor<1x3xf32> to tensor<?x?xf32>
  call @print(%s10) : (tensor<?x?xf32>) -> ()

  // The first of equal logits; the first element; the last; infinities and a NaN, at either end and between.
  // CHECK: [1, 0, 3, -1, -1, -1]
  %scores = arith.constant dense<[[1.0, 7.0, 7.0, 0.0], [3.0, 2.0, 1.0, 0.0], [-4.0, -3.0, -2.0, -1.0],
                                  [0x7f800000, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 0xff800000], [0.0, 0x7fc00000, 2.0, 1.0]]> : tensor<6x4xf32>
  %ids = llama.sample %scores greedy : (tensor<6x4xf32>) -> tensor<6xi32>
  %ids0 = tensor.cast %ids : tensor<6xi32> to tensor<*xi32>
  call @printMemrefI32(%ids0) : (tensor<*xi32>) -> ()

  // log(1 / 4); log(e^2 / (e + e^2 + 2)) = 2 - log(12.10734); a sum that overflows without its maximum: log(1 / 2);
  // no target; infinity and NaN; a logit of minus infinity counts nothing: log(1 / 3).
  // CHECK: [-1.38629, -0.493{{[78][0-9]*}}, -0.693147, 0, {{-?}}nan, {{-?}}nan, -1.09861]
  %seven = arith.constant dense<[[5.0, 5.0, 5.0, 5.0], [1.0, 2.0, 0.0, 0.0], [1000.0, 1000.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0],
                                [0x7f800000, 2.0, 1.0, 0.0], [0.0, 0x7fc00000, 2.0, 1.0], [1.0, 0xff800000, 1.0, 1.0]]> : tensor<7x4xf32>
  %targets = arith.constant dense<[3, 1, 0, -1, 1, 0, 3]> : tensor<7xi32>
  %probs = llama.log_prob %seven, %targets : (tensor<7x4xf32>, tensor<7xi32>) -> tensor<7xf32>
  %probs0 = tensor.cast %probs : tensor<7xf32> to tensor<*xf32>
  call @printMemrefF32(%probs0) : (tensor<*xf32>) -> ()
  return
}
