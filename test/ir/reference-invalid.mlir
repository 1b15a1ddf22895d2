// RUN: quipu-opt %s --llama-to-linalg=disable-patterns=llama.add --verify-diagnostics --split-input-file

// Test: what the reference lowering does not take is refused: an op without a pattern, by its name.
func.func @without_pattern(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{failed to legalize operation 'llama.add' that was explicitly marked illegal}}
  %0 = llama.add %x, %x : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

// Test: an op without a pattern in a kernel is refused too, by its name.
llama.kernel @twice(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @+1 {{failed to legalize operation 'llama.add' that was explicitly marked illegal}}
  %0 = llama.add %x, %x : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  llama.yield %0 : tensor<2x4xf32>
}
func.func @launches(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = llama.launch @twice(%x) : (tensor<2x4xf32>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

// Test: a value of a type of the dialect may not be carried by an op whose region would need the lowered type.
func.func @carries(%kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %condition: i1) -> !llama.kv_layer<1 x 4 x f32, page = 32> {
  // expected-error @+1 {{failed to legalize operation 'scf.if'}}
  %0 = scf.if %condition -> !llama.kv_layer<1 x 4 x f32, page = 32> {
    scf.yield %kv : !llama.kv_layer<1 x 4 x f32, page = 32>
  } else {
    scf.yield %kv : !llama.kv_layer<1 x 4 x f32, page = 32>
  }
  return %0 : !llama.kv_layer<1 x 4 x f32, page = 32>
}
