// RUN: quipu-opt %s --split-input-file --verify-diagnostics --llama-emit-cpu=target=cpu:x86-64-v4,+avx512bf16,+avx512vnni,+amx-tile,+amx-bf16,+amx-int8

// Test: a register of a tile has all interleaved rows.
// expected-error @+1 {{reads a weight with 16 interleaved rows: run must be as many}}
llama.kernel @integers(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, %w: tensor<32x64x!llama.block<q4_0>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>>
    attributes {schedule = #llama.cpu_linear<rows = many, lanes = 16, run = 8, vectors = 1, rowTiles = 2, dot = amx_int8, prefetch = 0>, workspace = [tensor<?x16xi32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<?x2xf32, #llama.token_lanes<lanes = 16, pack = 1>>]} {
  %q = llama.quantize %x {block = 32 : i64} : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>) -> tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  %0 = llama.linear %q, %w : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<32x64x!llama.block<q4_0>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  llama.yield %0 : tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>>
}
func.func @prefill(%x: tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, %w: tensor<32x64x!llama.block<q4_0>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 16>} {
  %0 = llama.launch @integers(%x, %w) : (tensor<?x64xf32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<32x64x!llama.block<q4_0>, #llama.row_parts<32 interleave = 16>>) -> tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  return %0 : tensor<?x32xf32, #llama.token_lanes<lanes = 16, pack = 1>>
}
