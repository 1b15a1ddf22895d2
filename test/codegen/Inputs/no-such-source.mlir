llama.kernel @k(%x: tensor<?xi32>, %w: tensor<256x48xf32>) -> tensor<?x48xf32> attributes {schedule = #llama.cpu_pointwise<rows = few, lanes = 8, rowsPerBlock = 1>} {
  %0 = llama.embedding %x, %w : (tensor<?xi32>, tensor<256x48xf32>) -> tensor<?x48xf32>
  llama.yield %0 : tensor<?x48xf32>
}
// expected-error @+1 {{has source 'nowhere', which is not among the weights}}
llama.weight @w : tensor<256x48xf32> role matrix sources ["nowhere"]
func.func @decode(%x: tensor<?xi32> {llama.name = "tokens"}) -> tensor<?x48xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>, llama.arena_bytes = 4096 : i64} {
  %w = llama.weight_ref @w : tensor<256x48xf32>
  %0 = llama.launch @k(%x, %w) {offsets = array<i64: 0>} : (tensor<?xi32>, tensor<256x48xf32>) -> tensor<?x48xf32>
  return %0 : tensor<?x48xf32>
}
