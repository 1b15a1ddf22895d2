// RUN: quipu-opt %s --split-input-file --verify-diagnostics --llama-emit-cpu=target=cpu:x86-64-v3
// What a schedule asks of types and target is in CpuScheduleTest.cpp.

// Test: no schedule.
// expected-error @+1 {{has no schedule; run llama-select-schedules before code generation}}
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: a schedule of the other target.
// expected-error @+1 {{has schedule #llama.cuda_pointwise<threads = 256>, which is not one for a CPU}}
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cuda_pointwise<threads = 256>} {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: code is there already.
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
// expected-error @+1 {{is named @kernels, which is the module of generated code; code is emitted once for a module}}
module @kernels {
}

// -----

// Test: two ops under a schedule for one.
// expected-error @+1 {{has a pointwise schedule, but the pointwise family generates single ops only}}
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = llama.add %0, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %1 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: an op that no emitter takes alone.
// expected-error @+1 {{is llama.linear alone, for which there is no generated code; kernels of one op are of embedding, rotary_table, gather_rows, rms_norm, rotate, gate, add, split, repeat_kv, kv_append and attention}}
llama.kernel @k(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: attention that sees all keys, whatever their position.
// expected-error @+1 {{has an attention schedule but does not hold exactly one causal llama.attention over all keys without lse}}
llama.kernel @k(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_attention<rows = few, lanes = 8, keys = 16, dot = fma>} {
  %0 = llama.attention %q, %kv, %p, %s {numHeads = 1 : i64, numKvHeads = 1 : i64, scale = 0.5 : f64, causal = false} : (tensor<?x8xf32>, !llama.kv_layer<1 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 8 x f32, page = 16>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%q, %kv, %p, %s) : (tensor<?x8xf32>, !llama.kv_layer<1 x 8 x f32, page = 16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: an op behind the linear that is no end of its kernel.
// expected-error @+1 {{holds llama.rms_norm where the linear kernel family has no place for it}}
llama.kernel @k(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %n: tensor<8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = llama.rms_norm %0, %n {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  llama.yield %1 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %n: tensor<8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w, %n) : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: no linear under the schedule of one.
// expected-error @+1 {{has a linear schedule but does not hold a llama.linear}}
llama.kernel @k(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  llama.yield %x : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: a gate whose weight lies in other parts.
// expected-error @+1 {{combines parts of 4, 4 rows of its weight, but the weight is}}
llama.kernel @k(%x: tensor<?x8xf32>, %w: tensor<8x8xf32, #llama.row_parts<2, 6>>) -> tensor<?x4xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32, #llama.row_parts<2, 6>>) -> tensor<?x8xf32>
  %1 = llama.gate %0 activation silu : (tensor<?x8xf32>) -> tensor<?x4xf32>
  llama.yield %1 : tensor<?x4xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %w: tensor<8x8xf32, #llama.row_parts<2, 6>>) -> tensor<?x4xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x8xf32>, tensor<8x8xf32, #llama.row_parts<2, 6>>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// Test: a bias in other parts than the weight.
// expected-error @+1 {{both must lie in the same parts}}
llama.kernel @k(%x: tensor<?x8xf32>, %w: tensor<8x8xf32, #llama.row_parts<2, 6>>, %b: tensor<8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w bias %b : (tensor<?x8xf32>, tensor<8x8xf32, #llama.row_parts<2, 6>>, tensor<8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %w: tensor<8x8xf32, #llama.row_parts<2, 6>>, %b: tensor<8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w, %b) : (tensor<?x8xf32>, tensor<8x8xf32, #llama.row_parts<2, 6>>, tensor<8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: stages that are fused in an order for which there is no emitter.
// expected-error @+1 {{has an epilogue of the stages 'gate add store', which no emitter of the linear kernel family generates; its forms are}}
llama.kernel @k(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %r: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = llama.gate %0 activation silu : (tensor<?x8xf32>) -> tensor<?x4xf32>
  %2 = llama.add %1, %r : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  llama.yield %2 : tensor<?x4xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %r: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w, %r) : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// Test: a residual that is no argument of the kernel.
// expected-error @+1 {{holds llama.add, which reads or yields something else than the linear kernel family computes}}
llama.kernel @k(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %1 = llama.add %0, %0 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %1 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: dot products of bf16 with a weight in blocks.
// expected-error @+1 {{has dot products of bf16}}
llama.kernel @k(%x: tensor<?x32xbf16>, %w: tensor<8x32x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = bf16, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x32xbf16>, tensor<8x32x!llama.block<q8_0>>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x32xbf16>, %w: tensor<8x32x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x32xbf16>, tensor<8x32x!llama.block<q8_0>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: a format whose values are places in a table.
// expected-error @+1 {{has a weight 'tensor<8x32x!llama.block<iq4_nl>>'; kernels do not look values up in the table of iq4_nl}}
llama.kernel @k(%x: tensor<?x32xf32>, %w: tensor<8x32x!llama.block<iq4_nl>>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x32xf32>, tensor<8x32x!llama.block<iq4_nl>>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x32xf32>, %w: tensor<8x32x!llama.block<iq4_nl>>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x32xf32>, tensor<8x32x!llama.block<iq4_nl>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: integers are multiplied where the input is rounded to them.
// expected-error @+1 {{multiplies integers; put llama.quantize in front of the product}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 1, vectors = 1, rowTiles = 1, dot = int16, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: an input that is rounded is multiplied as integers.
// expected-error @+1 {{multiplies no integers; the input is rounded by llama.quantize}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 1, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %0 = llama.linear %q, %w : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: products of integers need a weight in blocks.
// expected-error @+1 {{multiplies integers; the weight 'tensor<8x64xf32>' does not lie in blocks}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 1, vectors = 1, rowTiles = 1, dot = int16, prefetch = 0>} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %0 = llama.linear %q, %w : (tensor<?x64xf32>, tensor<8x64xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<8x64xf32>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<8x64xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: a scale is for whole groups of integers.
// expected-error @+1 {{multiplies 32 integers together; the input has a scale for each 16}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 1, vectors = 1, rowTiles = 1, dot = int16, prefetch = 0>} {
  %q = llama.quantize %x {block = 16 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %0 = llama.linear %q, %w : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: dot products of bytes need VNNI.
// expected-error @+1 {{has dot products of 8-bit integers, which need avx512vnni and avx512vl}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 1, vectors = 1, rowTiles = 1, dot = int8, prefetch = 0>} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %0 = llama.linear %q, %w : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: sixteen lanes of 16-bit integers need AVX-512.
// expected-error @+1 {{has dot products of 16-bit integers in 16 lanes, which need avx512bw}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 16, run = 1, vectors = 1, rowTiles = 1, dot = int16, prefetch = 0>} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %0 = llama.linear %q, %w : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// Test: pairs of bytes for many rows are of unsigned integers.
// expected-error @+1 {{adds products of unsigned integers in pairs, for many rows; those of 'tensor<8x64x!llama.block<q8_0>>' are signed: use int16}}
llama.kernel @k(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>> attributes {schedule = #llama.cpu_linear<rows = many, lanes = 8, run = 1, vectors = 3, rowTiles = 3, dot = int8_pairs, prefetch = 0>} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>) -> tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  %0 = llama.linear %q, %w : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  llama.yield %0 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}
func.func @decode(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  return %0 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}

// -----

// Test: integers and scales lie in workspaces.
// expected-error @+1 {{keeps integers and scales in the workspaces}}
llama.kernel @k(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>> attributes {schedule = #llama.cpu_linear<rows = many, lanes = 8, run = 1, vectors = 3, rowTiles = 3, dot = int16, prefetch = 0>} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>) -> tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  %0 = llama.linear %q, %w : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  llama.yield %0 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}
func.func @decode(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<8x64x!llama.block<q8_0>>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  return %0 : tensor<?x8xf32, #llama.token_lanes<lanes = 8, pack = 1>>
}

// -----

// Test: tiles of integers need amx-int8.
// expected-error @+1 {{has products of tiles of integers, which need amx-int8; the target is cpu:x86-64-v3}}
llama.kernel @k(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, %w: tensor<40x64x!llama.block<q4_0>>) -> tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 16, run = 16, vectors = 1, rowTiles = 2, dot = amx_int8, prefetch = 0>, workspace = [tensor<?x16xi32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<?x2xf32, #llama.token_lanes<lanes = 16, pack = 1>>]} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>) -> tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  %0 = llama.linear %q, %w : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<40x64x!llama.block<q4_0>>) -> tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  llama.yield %0 : tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>>
}
func.func @prefill(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, %w: tensor<40x64x!llama.block<q4_0>>) -> tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 16>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<40x64x!llama.block<q4_0>>) -> tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  return %0 : tensor<?x40xf32, #llama.token_lanes<lanes = 16, pack = 1>>
}

// -----

// Test: tiles of bf16 need amx-bf16.
// expected-error @+1 {{has products of tiles of bf16, which need amx-bf16, avx512bf16 and avx512vl; the target is cpu:x86-64-v3}}
llama.kernel @k(%x: tensor<?x64xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, %w: tensor<40x64xbf16>) -> tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 16, run = 16, vectors = 2, rowTiles = 4, dot = amx_bf16, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, tensor<40x64xbf16>) -> tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
  llama.yield %0 : tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
}
func.func @prefill(%x: tensor<?x64xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, %w: tensor<40x64xbf16>) -> tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 16>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xbf16, #llama.token_lanes<lanes = 16, pack = 2>>, tensor<40x64xbf16>) -> tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
  return %0 : tensor<?x40xbf16, #llama.token_lanes<lanes = 16, pack = 2>>
}

// -----

// Test: the best of each tile lies in a workspace.
// expected-error @+1 {{keeps the best logit of each tile in the workspace [tensor<?x4xi32>]; the kernel needs it}}
llama.kernel @k(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> (tensor<?x16xf32>, tensor<?xi32>) attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>, workspace = [tensor<?x2xi32>]} {
  %0 = llama.linear %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  %1 = llama.sample %0 greedy : (tensor<?x16xf32>) -> tensor<?xi32>
  llama.yield %0, %1 : tensor<?x16xf32>, tensor<?xi32>
}
func.func @decode(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> (tensor<?x16xf32>, tensor<?xi32>) attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0, %1 = llama.launch @k(%x, %w) : (tensor<?x16xf32>, tensor<16x16xf32>) -> (tensor<?x16xf32>, tensor<?xi32>)
  return %0, %1 : tensor<?x16xf32>, tensor<?xi32>
}

// -----

// Test: a choice from rounded logits.
// expected-error @+1 {{chooses tokens from sums in f32; the logits are 'tensor<?x16xbf16>'}}
llama.kernel @k(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> (tensor<?x16xbf16>, tensor<?xi32>) attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>, workspace = [tensor<?x4xi32>]} {
  %0 = llama.linear %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xbf16>
  %1 = llama.sample %0 greedy : (tensor<?x16xbf16>) -> tensor<?xi32>
  llama.yield %0, %1 : tensor<?x16xbf16>, tensor<?xi32>
}
func.func @decode(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> (tensor<?x16xbf16>, tensor<?xi32>) attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0, %1 = llama.launch @k(%x, %w) : (tensor<?x16xf32>, tensor<16x16xf32>) -> (tensor<?x16xbf16>, tensor<?xi32>)
  return %0, %1 : tensor<?x16xbf16>, tensor<?xi32>
}

// -----

// Test: a choice over many rows.
// expected-error @+1 {{is for many rows; kernels over few rows alone choose tokens: leave llama.sample in the program}}
llama.kernel @k(%x: tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<16x16xf32>) -> (tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?xi32>) attributes {schedule = #llama.cpu_linear<rows = many, lanes = 8, run = 2, vectors = 3, rowTiles = 3, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<16x16xf32>) -> tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>
  %1 = llama.sample %0 greedy : (tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>) -> tensor<?xi32>
  llama.yield %0, %1 : tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?xi32>
}
func.func @decode(%x: tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, %w: tensor<16x16xf32>) -> (tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?xi32>) attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0, %1 = llama.launch @k(%x, %w) : (tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<16x16xf32>) -> (tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?xi32>)
  return %0, %1 : tensor<?x16xf32, #llama.token_lanes<lanes = 8, pack = 1>>, tensor<?xi32>
}

// -----

// Test: the tokens alone are kept.
// expected-error @+1 {{holds llama.yield, which reads or yields something else than the linear kernel family computes}}
llama.kernel @k(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> tensor<?xi32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  %1 = llama.sample %0 greedy : (tensor<?x16xf32>) -> tensor<?xi32>
  llama.yield %1 : tensor<?xi32>
}
func.func @decode(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>) -> tensor<?xi32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?xi32>
  return %0 : tensor<?xi32>
}

// -----

// Test: what is drawn is no stage.
// expected-error @+1 {{holds llama.sample where the linear kernel family has no place for it}}
llama.kernel @k(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %a: tensor<?x!llama.sample_rule>, %b: tensor<?x1024xi32>, %c: tensor<?xf64>) -> (tensor<?x16xf32>, tensor<?xi32>) attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  %1 = llama.sample %0 drawn by %a recent %b random %c : (tensor<?x16xf32>, tensor<?x!llama.sample_rule>, tensor<?x1024xi32>, tensor<?xf64>) -> tensor<?xi32>
  llama.yield %0, %1 : tensor<?x16xf32>, tensor<?xi32>
}
func.func @decode(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %a: tensor<?x!llama.sample_rule>, %b: tensor<?x1024xi32>, %c: tensor<?xf64>) -> (tensor<?x16xf32>, tensor<?xi32>) attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0, %1 = llama.launch @k(%x, %w, %a, %b, %c) : (tensor<?x16xf32>, tensor<16x16xf32>, tensor<?x!llama.sample_rule>, tensor<?x1024xi32>, tensor<?xf64>) -> (tensor<?x16xf32>, tensor<?xi32>)
  return %0, %1 : tensor<?x16xf32>, tensor<?xi32>
}

// -----

// Test: what tiles keep for probabilities lies in a workspace.
// expected-error @+1 {{keeps a maximum and a sum of each tile in the workspace [tensor<?x5xf32>]; the kernel needs it}}
llama.kernel @k(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>, workspace = [tensor<?x4xf32>]} {
  %0 = llama.linear %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  %1 = llama.log_prob %0, %t : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  llama.yield %1 : tensor<?xf32>
}
func.func @decode(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w, %t) : (tensor<?x16xf32>, tensor<16x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// Test: probabilities of rounded logits.
// expected-error @+1 {{gives probabilities of sums in f32; the logits are 'tensor<?x16xbf16>'}}
llama.kernel @k(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>, workspace = [tensor<?x5xf32>]} {
  %0 = llama.linear %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xbf16>
  %1 = llama.log_prob %0, %t : (tensor<?x16xbf16>, tensor<?xi32>) -> tensor<?xf32>
  llama.yield %1 : tensor<?xf32>
}
func.func @decode(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %t: tensor<?xi32>) -> tensor<?xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w, %t) : (tensor<?x16xf32>, tensor<16x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// Test: probabilities and the logits.
// expected-error @+1 {{holds llama.yield, which reads or yields something else than the linear kernel family computes}}
llama.kernel @k(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %t: tensor<?xi32>) -> (tensor<?x16xf32>, tensor<?xf32>) attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
  %1 = llama.log_prob %0, %t : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?xf32>
  llama.yield %0, %1 : tensor<?x16xf32>, tensor<?xf32>
}
func.func @decode(%x: tensor<?x16xf32>, %w: tensor<16x16xf32>, %t: tensor<?xi32>) -> (tensor<?x16xf32>, tensor<?xf32>) attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0, %1 = llama.launch @k(%x, %w, %t) : (tensor<?x16xf32>, tensor<16x16xf32>, tensor<?xi32>) -> (tensor<?x16xf32>, tensor<?xf32>)
  return %0, %1 : tensor<?x16xf32>, tensor<?xf32>
}

// -----

// Test: few rows have all interleaved rows in the lanes of a vector.
// expected-error @+1 {{reads a weight with 8 interleaved rows: lanes must be as many, run a multiple of them, and dot = int8 or int8_pairs}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 4, vectors = 1, rowTiles = 1, dot = int8_pairs, prefetch = 0>} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %0 = llama.linear %q, %w : (tensor<?x64xf32>, tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32>
  llama.yield %0 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// expected-error @+1 {{reads a weight with 8 interleaved rows: lanes must be as many, run a multiple of them, and dot = int8 or int8_pairs}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 8, vectors = 1, rowTiles = 1, dot = int16, prefetch = 0>} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %0 = llama.linear %q, %w : (tensor<?x64xf32>, tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32>
  llama.yield %0 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// Test: products of numbers read rows in order.
// expected-error @+1 {{has a weight 'tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>'; products with integers and embeddings alone read interleaved rows}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 8, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32>
  llama.yield %0 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<16x64x!llama.block<q8_0>, #llama.row_parts<16 interleave = 8>>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

// Test: longer runs are of interleaved rows.
// expected-error @+1 {{has runs of 32 rows; those of rows in order have at most 16}}
llama.kernel @k(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> attributes {schedule = #llama.cpu_linear<rows = few, lanes = 8, run = 32, vectors = 1, rowTiles = 1, dot = fma, prefetch = 0>} {
  %0 = llama.linear %x, %w : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  llama.yield %0 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xf32>, %w: tensor<64x64xf32>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %0 = llama.launch @k(%x, %w) : (tensor<?x64xf32>, tensor<64x64xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}
