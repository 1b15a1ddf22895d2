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

// -----

// Test: rows in pairs that no epilogue combines have no order in which they could be read.
func.func @pairs(%x: tensor<2x4xf32>, %w: tensor<16x4xf32, #llama.paired_rows<<first>, <second>>>) -> tensor<2x16xf32> {
  // expected-error @+1 {{'llama.linear' op has a weight whose rows lie in pairs ('tensor<16x4xf32, #llama.paired_rows<<first>, <second>>>'), which only a gate of one operand, or a split into rotated queries, rotated keys and values, combines}}
  %0 = llama.linear %x, %w : (tensor<2x4xf32>, tensor<16x4xf32, #llama.paired_rows<<first>, <second>>>) -> tensor<2x16xf32>
  return %0 : tensor<2x16xf32>
}

// -----

func.func @embeds(%t: tensor<2xi32>, %w: tensor<16x4xf32, #llama.paired_rows<<first>, <second>>>) -> tensor<2x4xf32> {
  // expected-error @+1 {{'llama.embedding' op reads a weight whose rows lie in pairs, which only llama.linear does}}
  %0 = llama.embedding %t, %w : (tensor<2xi32>, tensor<16x4xf32, #llama.paired_rows<<first>, <second>>>) -> tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----

// Test: what a sampler draws has no reference.
func.func @draws(%logits: tensor<2x4xf32>, %rules: tensor<2x!llama.sample_rule>, %recent: tensor<2x1024xi32>, %random: tensor<2xf64>) -> tensor<2xi32> {
  // expected-error @+1 {{failed to legalize operation 'llama.sample' that was explicitly marked illegal}}
  %0 = llama.sample %logits drawn by %rules recent %recent random %random
     : (tensor<2x4xf32>, tensor<2x!llama.sample_rule>, tensor<2x1024xi32>, tensor<2xf64>) -> tensor<2xi32>
  return %0 : tensor<2xi32>
}
