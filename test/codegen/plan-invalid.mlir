// RUN: quipu-translate --llama-to-plan --model %S/Inputs/small.json --target cpu:x86-64-v3 %s --split-input-file --verify-diagnostics
// RUN: quipu-translate --llama-to-plan --model %src/test/goldens/gqa --target cpu:x86-64-v3 %S/Inputs/no-such-source.mlir --verify-diagnostics

// Test: a program that no pass has specialised.
// expected-error @+1 {{is not specialised and planned; run the passes up to llama-plan-memory}}
func.func @forward() attributes {llama.program = #llama.program<forward, rows = 1 to 8>} {
  return
}

// -----

// Test: results without a place.
llama.kernel @k(%x: tensor<?xi32>, %w: tensor<16x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.embedding %x, %w : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.weight @w : tensor<16x8xf32> role embedding sources ["w"]
func.func @decode(%x: tensor<?xi32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  %w = llama.weight_ref @w : tensor<16x8xf32>
  // expected-error @+1 {{has no offsets; run llama-plan-memory}}
  %0 = llama.launch @k(%x, %w) : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: an operand that nothing has put anywhere.
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.weight @w : tensor<16x8xf32> role embedding sources ["w"]
func.func @decode(%x: tensor<?xi32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  %w = llama.weight_ref @w : tensor<16x8xf32>
  // expected-error @+1 {{feeds a launch but has no place in the arena; run llama-plan-memory}}
  %0 = llama.embedding %x, %w : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  %1 = llama.launch @k(%0) {offsets = array<i64: 0>} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// -----

// Test: more inputs than a step has.
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%t: tensor<?xi32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %r: tensor<?xi32>, %x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  // expected-error @+1 {{launches @k on the program's argument 4; a step's inputs are tokens, positions, sequences and rows}}
  %0 = llama.launch @k(%x) {offsets = array<i64: 0>} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: numbers that nothing reads as what a step has.
// expected-error @+1 {{has argument 0 of 'tensor<?xi32>', which none of its ops reads as tokens, positions, sequences or rows}}
llama.kernel @k(%r: tensor<?xi32>, %x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%t: tensor<?xi32>, %x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  %0 = llama.launch @k(%t, %x) {offsets = array<i64: 0>} : (tensor<?xi32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: an embedding of other tokens than the model has.
llama.kernel @k(%x: tensor<?xi32>, %w: tensor<12x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.embedding %x, %w : (tensor<?xi32>, tensor<12x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
// expected-error @+1 {{embeds 12 tokens where the config's vocab_size is 16}}
llama.weight @w : tensor<12x8xf32> role embedding sources ["w"]
func.func @decode(%x: tensor<?xi32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  %w = llama.weight_ref @w : tensor<12x8xf32>
  %0 = llama.launch @k(%x, %w) {offsets = array<i64: 0>} : (tensor<?xi32>, tensor<12x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: other logits than the model has.
llama.kernel @k(%x: tensor<?xi32>, %w: tensor<16x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.embedding %x, %w : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.weight @w : tensor<16x8xf32> role embedding sources ["w"]
func.func @decode(%x: tensor<?xi32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  %w = llama.weight_ref @w : tensor<16x8xf32>
  // expected-error @+1 {{gives 8 logits a row where the config's vocab_size is 16}}
  %0 = llama.launch @k(%x, %w) {offsets = array<i64: -1>} : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: code was emitted for another kernel alone.
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  // expected-error @+1 {{launches @k, of which there is no code; run llama-emit-cpu or llama-emit-cuda}}
  %0 = llama.launch @k(%x) {offsets = array<i64: 0>} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
module @kernels {
}
