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
func.func @decode(%x: tensor<?xi32> {llama.name = "tokens"}) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
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
func.func @decode(%x: tensor<?xi32> {llama.name = "tokens"}) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  %w = llama.weight_ref @w : tensor<16x8xf32>
  // expected-error @+1 {{feeds a launch but has no place in the arena; run llama-plan-memory}}
  %0 = llama.embedding %x, %w : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  %1 = llama.launch @k(%0) {offsets = array<i64: 0>} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// -----

// Test: an input that the runtime could not know.
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%t: tensor<?xi32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %r: tensor<?xi32>, %x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  // expected-error @+1 {{launches @k on the program's argument 4, which has no name (llama.name) by which the runtime would know it}}
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
func.func @decode(%x: tensor<?xi32> {llama.name = "tokens"}) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  %w = llama.weight_ref @w : tensor<12x8xf32>
  %0 = llama.launch @k(%x, %w) {offsets = array<i64: 0>} : (tensor<?xi32>, tensor<12x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: a name that the runtime does not know.
// expected-error @+1 {{has a value "weather", which the runtime does not know; it knows tokens, positions, sequences, output_rows, sample_rules, recent_tokens, random_numbers, targets}}
func.func @decode(%x: tensor<?xi32> {llama.name = "weather"}) attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  return
}

// -----

// Test: an input of elements that no step has.
// expected-error @+1 {{has a value "tokens" of type 'tensor<?xi64>'; values of a program are rows of i32, f32, f64 or sample rules}}
func.func @decode(%x: tensor<?xi64> {llama.name = "tokens"}) attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  return
}

// -----

// Test: a choice of tokens that nobody gets.
func.func @decode(%x: tensor<?x16xf32> {llama.name = "tokens"}) -> (tensor<?x16xf32> {llama.name = "logits"}) attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  // expected-error @+1 {{takes or gives no named output of the program; logits and tokens are outputs}}
  %0 = llama.sample %x greedy : (tensor<?x16xf32>) -> tensor<?xi32>
  return %x : tensor<?x16xf32>
}

// -----

// Test: probabilities that no kernel gives.
func.func @decode(%x: tensor<?x16xf32>, %t: tensor<?xi32> {llama.name = "targets"}) -> (tensor<?x16xf32> {llama.name = "logits"}, tensor<?xf32> {llama.name = "log_probs"}) attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  // expected-error @+1 {{is part of no kernel; run llama-split-scores}}
  %0 = llama.log_prob %x, %t : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  return %x, %0 : tensor<?x16xf32>, tensor<?xf32>
}

// -----

// Test: a draw by what the runtime does not give.
func.func @decode(%x: tensor<?x16xf32>, %rules: tensor<?x!llama.sample_rule>, %recent: tensor<?x1024xi32>, %random: tensor<?xf64>)
    -> (tensor<?x16xf32> {llama.name = "logits"}, tensor<?xi32> {llama.name = "drawn_tokens"})
    attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  // expected-error @+1 {{draws by what is no named input of the program}}
  %0 = llama.sample %x drawn by %rules recent %recent random %random
     : (tensor<?x16xf32>, tensor<?x!llama.sample_rule>, tensor<?x1024xi32>, tensor<?xf64>) -> tensor<?xi32>
  return %x, %0 : tensor<?x16xf32>, tensor<?xi32>
}

// -----

// Test: a result without a name.
llama.kernel @k(%x: tensor<?xi32>, %w: tensor<16x16xf32>) -> tensor<?x16xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.embedding %x, %w : (tensor<?xi32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  llama.yield %0 : tensor<?x16xf32>
}
llama.weight @w : tensor<16x16xf32> role embedding sources ["w"]
func.func @decode(%x: tensor<?xi32> {llama.name = "tokens"}) -> tensor<?x16xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
  %w = llama.weight_ref @w : tensor<16x16xf32>
  // expected-error @+1 {{gives a result of the program without a name (llama.name) by which the runtime would know it}}
  %0 = llama.launch @k(%x, %w) {offsets = array<i64: -1>} : (tensor<?xi32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// Test: other logits than the model has.
llama.kernel @k(%x: tensor<?xi32>, %w: tensor<16x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.embedding %x, %w : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
llama.weight @w : tensor<16x8xf32> role embedding sources ["w"]
func.func @decode(%x: tensor<?xi32> {llama.name = "tokens"}) -> (tensor<?x8xf32> {llama.name = "logits"}) attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 1024 : i64} {
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
