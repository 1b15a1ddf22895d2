// RUN: quipu-opt %s --llama-expand -o %t
// RUN: quipu-opt %s | diff - %t

// Test: primitives stay as they are, and a graph without rotary embeddings gets no table.
func.func @primitives(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %w: tensor<8x8xf32>, %n: tensor<8xf32>) -> tensor<?x8xf32> {
  %table = llama.rotary_table %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>}
         : (tensor<?xi32>) -> tensor<?x4xf32>
  %0 = llama.rms_norm %x, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %1 = llama.linear %0, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %2 = llama.rotate %1, %table layout half {headDim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

func.func private @declaration(tensor<?x8xf32>) -> tensor<?x8xf32>
