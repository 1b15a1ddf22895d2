llama.weight @w : tensor<16x32768xbf16> role matrix sources ["w"]
llama.kernel @decode.linear(%x: tensor<?x32768xbf16>, %w: tensor<16x32768xbf16>) -> tensor<?x16xf32> {
  %0 = llama.linear %x, %w : (tensor<?x32768xbf16>, tensor<16x32768xbf16>) -> tensor<?x16xf32>
  llama.yield %0 : tensor<?x16xf32>
}
func.func @decode(%x: tensor<?x32768xbf16>) -> tensor<?x16xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 1>} {
  %w = llama.weight_ref @w : tensor<16x32768xbf16>
  %y = llama.launch @decode.linear(%x, %w) : (tensor<?x32768xbf16>, tensor<16x32768xbf16>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
