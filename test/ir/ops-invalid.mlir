// RUN: quipu-opt %s --verify-diagnostics --split-input-file

// Test: every check of an op on tensors names the op, what it found and what it expected.

// expected-error @+1 {{'llama.weight' op type must be static, found 'tensor<?x8xf32>'}}
llama.weight @w : tensor<?x8xf32> role matrix sources ["w"]

// -----

// expected-error @+1 {{'llama.weight' op needs at least one source}}
llama.weight @w : tensor<4x8xf32> role matrix sources []

// -----

// expected-error @+1 {{'llama.weight' op has 2 sources but rows for 1}}
llama.weight @w : tensor<4x8xf32> role matrix sources ["a", "b"] rows [4]

// -----

// expected-error @+1 {{'llama.weight' op rows of the sources add up to 5, expected 4}}
llama.weight @w : tensor<4x8xf32> role matrix sources ["a", "b"] rows [4, 1]

// -----

// expected-error @+1 {{'llama.weight' op with 2 sources needs `rows`}}
llama.weight @w : tensor<4x8xf32> role matrix sources ["a", "b"]

// -----

// expected-error @+1 {{'llama.weight' op takes 3 rows of 't', expected 4}}
llama.weight @w : tensor<4x8xf32> role matrix sources [#llama.source<"t" rows <1 to 4 of 9>>]

// -----

// expected-error @+1 {{'llama.weight' op takes 2 rows of 't', expected 1}}
llama.weight @w : tensor<4x8xf32> role matrix sources ["a", #llama.source<"t" rows <1 to 3 of 9>>] rows [3, 1]

// -----

// expected-error @+1 {{'llama.weight' op takes 7 columns of 't', expected 8}}
llama.weight @w : tensor<4x8xf32> role matrix sources [#llama.source<"t" columns <1 to 8 of 9>>]

// -----

// expected-error @+1 {{'llama.weight' op takes columns of 't', but is no matrix}}
llama.weight @w : tensor<4xf32> role norm sources [#llama.source<"t" columns <1 to 2 of 9>>]

// -----

// expected-error @+1 {{'llama.weight' op has `plus`, which needs elements of f32, but they are 'bf16'}}
llama.weight @w : tensor<4xbf16> role norm sources ["t"] {plus = 1.0 : f64}

// -----

// expected-error @+1 {{'llama.weight' op layout #llama.row_parts<3, 1> differs from the rows of its sources}}
llama.weight @w : tensor<4x8xf32, #llama.row_parts<3, 1>> role matrix sources ["a", "b"] rows [2, 2]

// -----

// Test: numbers have no words to interleave.
// expected-error @+1 {{'llama.weight' op has interleaved rows of 'f32'; only blocks of words and numbers can be interleaved}}
llama.weight @w : tensor<8x32xf32, #llama.row_parts<8 interleave = 8>> role matrix sources ["a"]

// -----

func.func @f() {
  // expected-error @+1 {{'llama.weight_ref' op refers to @w, which is no llama.weight}}
  %w = llama.weight_ref @w : tensor<4x8xf32>
  return
}

// -----

func.func private @g()
func.func @f() {
  // expected-error @+1 {{'llama.weight_ref' op refers to @g, which is no llama.weight}}
  %w = llama.weight_ref @g : tensor<4x8xf32>
  return
}

// -----

llama.weight @w : tensor<4x8xf32> role matrix sources ["w"]
func.func @f() {
  // expected-error @+1 {{'llama.weight_ref' op has type 'tensor<8x4xf32>', but @w is 'tensor<4x8xf32>'}}
  %w = llama.weight_ref @w : tensor<8x4xf32>
  return
}

// -----

func.func @f(%t: tensor<?xi32>, %w: tensor<16x8xf32>) {
  // expected-error @+1 {{'llama.embedding' op width of the result is 4, expected 8}}
  %0 = llama.embedding %t, %w : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%t: tensor<?xi64>, %w: tensor<16x8xf32>) {
  // expected-error @+1 {{'llama.embedding' op operand #0 must be }}
  %0 = llama.embedding %t, %w : (tensor<?xi64>, tensor<16x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>) {
  // expected-error @+1 {{'llama.rms_norm' op width of the result is 4, expected 8}}
  %0 = llama.rms_norm %x, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %n: tensor<4xf32>) {
  // expected-error @+1 {{'llama.rms_norm' op length of the weight is 4, expected 8}}
  %0 = llama.rms_norm %x, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>) {
  // expected-error @+1 {{'llama.rms_norm' op eps must not be negative, found -1}}
  %0 = llama.rms_norm %x, %n {eps = -1.0 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %n: tensor<8xf32>) {
  // expected-error @+1 {{'llama.rms_norm' op operands and results disagree in layout: found 'tensor<?x8xf32, #llama.token_lanes<lanes = 16, pack = 1>>' beside 'tensor<?x8xf32>'}}
  %0 = llama.rms_norm %x, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %y: tensor<?x8xf32, #llama.token_lanes<lanes = 16, pack = 1>>) {
  // expected-error @+1 {{'llama.add' op operands and results disagree in layout: found 'tensor<?x8xf32, #llama.token_lanes<lanes = 16, pack = 1>>' beside 'tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>'}}
  %0 = llama.add %x, %y : (tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?x8xf32, #llama.token_lanes<lanes = 16, pack = 1>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %w: tensor<12x4xf32>) {
  // expected-error @+1 {{'llama.linear' op width of the input is 8, expected 4}}
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<12x4xf32>) -> tensor<?x12xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %w: tensor<12x8xf32>) {
  // expected-error @+1 {{'llama.linear' op width of the result is 8, expected 12}}
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<12x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %w: tensor<12x8xf32>, %b: tensor<8xf32>) {
  // expected-error @+1 {{'llama.linear' op length of the bias is 8, expected 12}}
  %0 = llama.linear %x, %w bias %b : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<8xf32>) -> tensor<?x12xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.rotary' op attribute 'headDim' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive and even}}
  %0 = llama.rotary %x, %p {headDim = 1 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.rotary' op attribute 'headDim' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive and even}}
  %0 = llama.rotary %x, %p {headDim = 0 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.rotary' op width 8 is not a multiple of headDim 6}}
  %0 = llama.rotary %x, %p {headDim = 6 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.rotary' op width of the result is 4, expected 8}}
  %0 = llama.rotary %x, %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.rotary_table' op attribute 'headDim' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive and even}}
  %0 = llama.rotary_table %p {headDim = 3 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<?xi32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.rotary_table' op width of the table is 8, expected 4}}
  %0 = llama.rotary_table %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half>} : (tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.rotary_table' op has 3 divisors of frequencies, but heads of 4 elements have 2 pairs}}
  %0 = llama.rotary_table %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half, divisors = [1.0, 1.0, 1.0]>} : (tensor<?xi32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.rotary' op has 1 divisors of frequencies, but heads of 4 elements have 2 pairs}}
  %0 = llama.rotary %x, %p {headDim = 4 : i64, rope = #llama.rope<theta = 1.0e+04, layout = half, divisors = [1.0]>} : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %t: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.rotate' op attribute 'headDim' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive and even}}
  %0 = llama.rotate %x, %t layout half {headDim = 5 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %t: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.rotate' op width of the result is 4, expected 8}}
  %0 = llama.rotate %x, %t layout half {headDim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %t: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.rotate' op width of the table is 4, expected 8}}
  %0 = llama.rotate %x, %t layout half {headDim = 8 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%c: !llama.kv_cache<2 x 1 x 4 x f32, page = 32>) {
  // expected-error @+1 {{'llama.kv_layer' op yields '!llama.kv_layer<2 x 4 x f32, page = 32>', expected '!llama.kv_layer<1 x 4 x f32, page = 32>'}}
  %0 = llama.kv_layer %c[0] : !llama.kv_cache<2 x 1 x 4 x f32, page = 32> -> !llama.kv_layer<2 x 4 x f32, page = 32>
  return
}

// -----

func.func @f(%c: !llama.kv_cache<2 x 1 x 4 x f32, page = 32>) {
  // expected-error @+1 {{'llama.kv_layer' op layer 2 is out of range, the cache has 2 layers}}
  %0 = llama.kv_layer %c[2] : !llama.kv_cache<2 x 1 x 4 x f32, page = 32> -> !llama.kv_layer<1 x 4 x f32, page = 32>
  return
}

// -----

func.func @f(%c: !llama.kv_cache<2 x 1 x 4 x f32, page = 32>) {
  // expected-error @+1 {{'llama.kv_layer' op attribute 'layer' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
  %0 = llama.kv_layer %c[-1] : !llama.kv_cache<2 x 1 x 4 x f32, page = 32> -> !llama.kv_layer<1 x 4 x f32, page = 32>
  return
}

// -----

func.func @f(%kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.kv_append' op width of the keys is 8, expected 4}}
  llama.kv_append %kv, %k, %v, %p, %p : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<?xi32>
  return
}

// -----

func.func @f(%kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %k: tensor<?x4xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.kv_append' op width of the values is 8, expected 4}}
  llama.kv_append %kv, %k, %v, %p, %p : !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?x4xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<?xi32>
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.attention' op attribute 'numHeads' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 0 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.attention' op numHeads must be a multiple of numKvHeads, found 3 and 2}}
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 3 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.attention' op numKvHeads is 2, expected 1}}
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 2 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%q: tensor<?x4xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.attention' op width of the query is 4, expected 8}}
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x4xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.attention' op width of the result is 4, expected 8}}
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.attention' op width of lse is 4, expected 2}}
  %0:2 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x4xf32>)
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.attention' op attribute 'window' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, window = 0 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.attention' op needs keyBegin < keyEnd, found 8 and 8}}
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, keyBegin = 8 : i64, keyEnd = 8 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{'llama.attention' op attribute 'keyBegin' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, keyBegin = -1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f() {
  // expected-error @+1 {{'llama.merge' op needs at least one partial attention}}
  %0 = "llama.merge"() : () -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%a: tensor<?x8xf32>, %l: tensor<?x2xf32>) {
  // expected-error @+1 {{'llama.merge' op width of a partial attention is 8, expected 4}}
  %0 = llama.merge %a lse %l : (tensor<?x8xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%a: tensor<?x8xf32>, %l: tensor<?x2xf32>, %m: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.merge' op width of an lse is 4, expected 2}}
  %0 = llama.merge %a, %a lse %l, %m : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x2xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%a: tensor<?x8xf32>, %l: tensor<?x3xf32>) {
  // expected-error @+1 {{'llama.merge' op width 8 is not a multiple of the number of heads 3}}
  %0 = llama.merge %a lse %l : (tensor<?x8xf32>, tensor<?x3xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<12x4xf32>, %u: tensor<12x8xf32>, %d: tensor<8x12xf32>) {
  // expected-error @+1 {{'llama.gated_mlp' op width of the gate weight is 4, expected 8}}
  %0 = llama.gated_mlp %x, %g, %u, %d {activation = #llama.activation<silu>} : (tensor<?x8xf32>, tensor<12x4xf32>, tensor<12x8xf32>, tensor<8x12xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<12x8xf32>, %u: tensor<12x4xf32>, %d: tensor<8x12xf32>) {
  // expected-error @+1 {{'llama.gated_mlp' op width of the up weight is 4, expected 8}}
  %0 = llama.gated_mlp %x, %g, %u, %d {activation = #llama.activation<silu>} : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12x4xf32>, tensor<8x12xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<12x8xf32>, %u: tensor<10x8xf32>, %d: tensor<8x12xf32>) {
  // expected-error @+1 {{'llama.gated_mlp' op rows of the up weight is 10, expected 12}}
  %0 = llama.gated_mlp %x, %g, %u, %d {activation = #llama.activation<silu>} : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<10x8xf32>, tensor<8x12xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<12x8xf32>, %u: tensor<12x8xf32>, %d: tensor<8x10xf32>) {
  // expected-error @+1 {{'llama.gated_mlp' op width of the down weight is 10, expected 12}}
  %0 = llama.gated_mlp %x, %g, %u, %d {activation = #llama.activation<silu>} : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12x8xf32>, tensor<8x10xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<12x8xf32>, %u: tensor<12x8xf32>, %d: tensor<4x12xf32>) {
  // expected-error @+1 {{'llama.gated_mlp' op width of the result is 8, expected 4}}
  %0 = llama.gated_mlp %x, %g, %u, %d {activation = #llama.activation<silu>} : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12x8xf32>, tensor<4x12xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<12x8xf32>, %u: tensor<12x8xf32>, %d: tensor<8x12xf32>, %b: tensor<12xf32>) {
  // expected-error @+1 {{'llama.gated_mlp' op needs the biases of gate, up and down, or none of them}}
  %0 = "llama.gated_mlp"(%x, %g, %u, %d, %b) <{activation = #llama.activation<silu>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0, 0>}> : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12x8xf32>, tensor<8x12xf32>, tensor<12xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<12x8xf32>, %u: tensor<12x8xf32>, %d: tensor<8x12xf32>, %b0: tensor<8xf32>, %b1: tensor<12xf32>, %b2: tensor<8xf32>) {
  // expected-error @+1 {{'llama.gated_mlp' op length of the gate bias is 8, expected 12}}
  %0 = llama.gated_mlp %x, %g, %u, %d bias %b0, %b1, %b2 {activation = #llama.activation<silu>} : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12x8xf32>, tensor<8x12xf32>, tensor<8xf32>, tensor<12xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<12x8xf32>, %u: tensor<12x8xf32>, %d: tensor<8x12xf32>, %b0: tensor<12xf32>, %b1: tensor<8xf32>, %b2: tensor<8xf32>) {
  // expected-error @+1 {{'llama.gated_mlp' op length of the up bias is 8, expected 12}}
  %0 = llama.gated_mlp %x, %g, %u, %d bias %b0, %b1, %b2 {activation = #llama.activation<silu>} : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12x8xf32>, tensor<8x12xf32>, tensor<12xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %g: tensor<12x8xf32>, %u: tensor<12x8xf32>, %d: tensor<8x12xf32>, %b0: tensor<12xf32>, %b1: tensor<12xf32>, %b2: tensor<12xf32>) {
  // expected-error @+1 {{'llama.gated_mlp' op length of the down bias is 12, expected 8}}
  %0 = llama.gated_mlp %x, %g, %u, %d bias %b0, %b1, %b2 {activation = #llama.activation<silu>} : (tensor<?x8xf32>, tensor<12x8xf32>, tensor<12x8xf32>, tensor<8x12xf32>, tensor<12xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.add' op width of the right operand is 4, expected 8}}
  %0 = llama.add %x, %y : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'llama.add' op width of the result is 4, expected 8}}
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<3x8xf32>, %y: tensor<5x8xf32>) {
  // expected-error @+1 {{'llama.add' op operands and results disagree in rows: found 5 beside 3}}
  %0 = llama.add %x, %y : (tensor<3x8xf32>, tensor<5x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<4xf32>, %w: tensor<16x8xf32>) {
  // expected-error @+1 {{'llama.lm_head' op length of the norm is 4, expected 8}}
  %0 = llama.lm_head %x, %r, %n, %w {eps = 1.0e-05 : f64, computeType = f32} : (tensor<?x8xf32>, tensor<?xi32>, tensor<4xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x4xf32>) {
  // expected-error @+1 {{'llama.lm_head' op width of the weight is 4, expected 8}}
  %0 = llama.lm_head %x, %r, %n, %w {eps = 1.0e-05 : f64, computeType = f32} : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x4xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %r: tensor<?xi32>, %n: tensor<8xf32>, %w: tensor<16x8xf32>) {
  // expected-error @+1 {{'llama.lm_head' op width of the result is 8, expected 16}}
  %0 = llama.lm_head %x, %r, %n, %w {eps = 1.0e-05 : f64, computeType = f32} : (tensor<?x8xf32>, tensor<?xi32>, tensor<8xf32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'llama.repeat_kv' op attribute 'headDim' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %0 = llama.repeat_kv %x {headDim = 0 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'llama.repeat_kv' op width 8 is not a multiple of headDim 3}}
  %0 = llama.repeat_kv %x {headDim = 3 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'llama.repeat_kv' op attribute 'times' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %0 = llama.repeat_kv %x {headDim = 4 : i64, times = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'llama.repeat_kv' op width of the result is 8, expected 16}}
  %0 = llama.repeat_kv %x {headDim = 4 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'llama.split' op width of all parts is 6, expected 8}}
  %0, %1 = llama.split %x : (tensor<?x8xf32>) -> (tensor<?x4xf32>, tensor<?x2xf32>)
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'llama.gate' op width of the first operand is 8, expected 16}}
  %0 = llama.gate %x activation silu : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{'llama.gate' op width of the first operand is 8, expected 4}}
  %0 = llama.gate %x, %x activation silu : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %y: tensor<?x4xf32>) {
  // expected-error @+1 {{'llama.gate' op width of the second operand is 4, expected 8}}
  %0 = llama.gate %x, %y activation silu : (tensor<?x8xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %r: tensor<?xi32>) {
  // expected-error @+1 {{'llama.gather_rows' op width of the result is 4, expected 8}}
  %0 = llama.gather_rows %x, %r : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x4xf32>
  return
}

// -----

// expected-error @+1 {{'llama.weight' op has a weight with rows of 48 elements, which are no whole blocks of 32 ('tensor<4x48x!llama.block<q8_0>>')}}
llama.weight @w : tensor<4x48x!llama.block<q8_0>> role matrix sources ["w"]

// -----

func.func @f(%x: tensor<?x48xf32>, %w: tensor<4x48x!llama.block<q8_0>>) {
  // expected-error @+1 {{'llama.linear' op has a weight with rows of 48 elements, which are no whole blocks of 32}}
  %0 = llama.linear %x, %w : (tensor<?x48xf32>, tensor<4x48x!llama.block<q8_0>>) -> tensor<?x4xf32>
  return
}

// -----

func.func @f(%t: tensor<?xi32>, %w: tensor<4x48x!llama.block<q8_0>>) {
  // expected-error @+1 {{'llama.embedding' op has a weight with rows of 48 elements, which are no whole blocks of 32}}
  %0 = llama.embedding %t, %w : (tensor<?xi32>, tensor<4x48x!llama.block<q8_0>>) -> tensor<?x48xf32>
  return
}

// -----

func.func @f(%x: tensor<?x32xf32>, %g: tensor<48x32xf32>, %d: tensor<32x48x!llama.block<q8_0>>) {
  // expected-error @+1 {{'llama.gated_mlp' op has a weight with rows of 48 elements, which are no whole blocks of 32}}
  %0 = llama.gated_mlp %x, %g, %g, %d {activation = #llama.activation<silu>} : (tensor<?x32xf32>, tensor<48x32xf32>, tensor<48x32xf32>, tensor<32x48x!llama.block<q8_0>>) -> tensor<?x32xf32>
  return
}

// -----

func.func @f(%x: tensor<?x48xf32>, %r: tensor<?xi32>, %n: tensor<48xf32>, %w: tensor<4x48x!llama.block<q8_0>>) {
  // expected-error @+1 {{'llama.lm_head' op has a weight with rows of 48 elements, which are no whole blocks of 32}}
  %0 = llama.lm_head %x, %r, %n, %w {eps = 1.0e-05 : f64, computeType = f32} : (tensor<?x48xf32>, tensor<?xi32>, tensor<48xf32>, tensor<4x48x!llama.block<q8_0>>) -> tensor<?x4xf32>
  return
}

// -----

// A layer of the cache is written as the model runs: nothing makes blocks of it.
// expected-error @+1 {{element type must be f32, f16 or bf16, found '!llama.block<q8_0>'}}
func.func private @f(!llama.kv_cache<1 x 1 x 32 x !llama.block<q8_0>, page = 32>)

// -----

func.func @f(%logits: tensor<?x8xf32>) {
  // expected-error @+1 {{'llama.sample' op draws, and has no rules to draw by}}
  %0 = llama.sample %logits drawn : (tensor<?x8xf32>) -> tensor<?xi32>
  return
}

// -----

func.func @f(%logits: tensor<?x8xf32>, %rules: tensor<?x!llama.sample_rule>, %recent: tensor<?x1024xi32>, %random: tensor<?xf64>) {
  // expected-error @+1 {{'llama.sample' op is greedy, and has rules to draw by}}
  %0 = llama.sample %logits greedy by %rules recent %recent random %random
     : (tensor<?x8xf32>, tensor<?x!llama.sample_rule>, tensor<?x1024xi32>, tensor<?xf64>) -> tensor<?xi32>
  return
}

// -----

func.func @f(%logits: tensor<?x8xf32>, %rules: tensor<?x!llama.sample_rule>, %recent: tensor<?x64xi32>, %random: tensor<?xf64>) {
  // expected-error @+1 {{'llama.sample' op has rows of 64 tokens seen last, expected 1024}}
  %0 = llama.sample %logits drawn by %rules recent %recent random %random
     : (tensor<?x8xf32>, tensor<?x!llama.sample_rule>, tensor<?x64xi32>, tensor<?xf64>) -> tensor<?xi32>
  return
}

// -----

// Test: log_prob has a target and a result for each row of logits.
func.func @f(%logits: tensor<3x8xf32>, %targets: tensor<2xi32>) {
  // expected-error @+1 {{'llama.log_prob' op has 2 targets for 3 rows of logits}}
  %0 = llama.log_prob %logits, %targets : (tensor<3x8xf32>, tensor<2xi32>) -> tensor<3xf32>
  return
}

// -----

func.func @f(%logits: tensor<3x8xf32>, %targets: tensor<3xi32>) {
  // expected-error @+1 {{'llama.log_prob' op gives 4 results for 3 rows of logits}}
  %0 = llama.log_prob %logits, %targets : (tensor<3x8xf32>, tensor<3xi32>) -> tensor<4xf32>
  return
}

// -----

func.func @f(%logits: tensor<?x8xf32>, %targets: tensor<?xi32>) {
  // expected-error @+1 {{result #0 must be 1D tensor of 32-bit float values}}
  %0 = llama.log_prob %logits, %targets : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?xf16>
  return
}

// -----

// Test: rows of quantize are whole blocks of the same width.
func.func @f(%x: tensor<?x48xf32>) {
  // expected-error @+1 {{'llama.quantize' op rows of 48 elements are no whole blocks of 32}}
  %0 = llama.quantize %x {block = 32 : i64} : (tensor<?x48xf32>) -> tensor<?x48xf32>
  return
}

// -----

func.func @f(%x: tensor<?x64xf32>) {
  // expected-error @+1 {{'llama.quantize' op width of the result}}
  %0 = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x32xf32>
  return
}
