// RUN: quipu-opt %s --llama-to-linalg --verify-diagnostics --split-input-file

// Test: what the reference lowering does not take is refused.
func.func @nested(%x: tensor<2x4xf32>, %condition: i1) -> tensor<2x4xf32> {
  %0 = scf.if %condition -> tensor<2x4xf32> {
    // expected-error @+1 {{'llama.add' op cannot be lowered inside of scf.if}}
    %1 = llama.add %x, %x : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
    scf.yield %1 : tensor<2x4xf32>
  } else {
    scf.yield %x : tensor<2x4xf32>
  }
  return %0 : tensor<2x4xf32>
}

// -----

// expected-error @+1 {{'func.func' op has several blocks, which the reference lowering does not take}}
func.func @blocks(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  cf.br ^next
^next:
  return %x : tensor<2x4xf32>
}
