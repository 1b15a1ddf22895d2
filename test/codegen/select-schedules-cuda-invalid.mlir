// RUN: quipu-opt %s --llama-select-schedules=target=cuda:sm_90a --split-input-file --verify-diagnostics

// Test: sizes that CUDA kernels cannot do are refused by name and number.

llama.weight @w : tensor<6x7xbf16> role matrix sources ["w"]
// expected-error @+1 {{multiplies rows of 7 elements; CUDA kernels need a multiple of 8 for this type}}
llama.kernel @decode.odd(%x: tensor<?x7xbf16>, %w: tensor<6x7xbf16>) -> tensor<?x6xf32> {
  %0 = llama.linear %x, %w : (tensor<?x7xbf16>, tensor<6x7xbf16>) -> tensor<?x6xf32>
  llama.yield %0 : tensor<?x6xf32>
}
func.func @decode(%x: tensor<?x7xbf16>) -> tensor<?x6xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %w = llama.weight_ref @w : tensor<6x7xbf16>
  %y = llama.launch @decode.odd(%x, %w) : (tensor<?x7xbf16>, tensor<6x7xbf16>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

llama.weight @w : tensor<24x8xbf16> role matrix sources ["g", "u"] rows [12, 12]
// expected-error @+1 {{has 12 features of a gated MLP (intermediate_size); CUDA kernels need a multiple of 8}}
llama.kernel @decode.gate(%x: tensor<?x8xbf16>, %w: tensor<24x8xbf16>) -> tensor<?x12xbf16> {
  %0 = llama.linear %x, %w : (tensor<?x8xbf16>, tensor<24x8xbf16>) -> tensor<?x24xf32>
  %1 = llama.gate %0 activation silu : (tensor<?x24xf32>) -> tensor<?x12xbf16>
  llama.yield %1 : tensor<?x12xbf16>
}
func.func @decode(%x: tensor<?x8xbf16>) -> tensor<?x12xbf16> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %w = llama.weight_ref @w : tensor<24x8xbf16>
  %y = llama.launch @decode.gate(%x, %w) : (tensor<?x8xbf16>, tensor<24x8xbf16>) -> tensor<?x12xbf16>
  return %y : tensor<?x12xbf16>
}

// -----

// expected-error @+1 {{has 1 sources where the kernel pairs rows of 2; only projections joined by the fuse passes run on CUDA}}
llama.weight @w : tensor<32x8xbf16> role matrix sources ["gu"]
llama.kernel @decode.gate(%x: tensor<?x8xbf16>, %w: tensor<32x8xbf16>) -> tensor<?x16xbf16> {
  %0 = llama.linear %x, %w : (tensor<?x8xbf16>, tensor<32x8xbf16>) -> tensor<?x32xf32>
  %1 = llama.gate %0 activation silu : (tensor<?x32xf32>) -> tensor<?x16xbf16>
  llama.yield %1 : tensor<?x16xbf16>
}
func.func @decode(%x: tensor<?x8xbf16>) -> tensor<?x16xbf16> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %w = llama.weight_ref @w : tensor<32x8xbf16>
  %y = llama.launch @decode.gate(%x, %w) : (tensor<?x8xbf16>, tensor<32x8xbf16>) -> tensor<?x16xbf16>
  return %y : tensor<?x16xbf16>
}
