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

// -----

// Test: what turns queries and keys differently is no kernel.
llama.weight @w : tensor<64x16xbf16> role matrix sources ["q", "k", "v"] rows [32, 16, 16]
// expected-error @+1 {{turns queries and keys by different tables}}
llama.kernel @decode.qkv(%x: tensor<?x16xbf16>, %w: tensor<64x16xbf16>, %t: tensor<?x16xf32>, %u: tensor<?x16xf32>, %kv: !llama.kv_layer<1 x 16 x bf16, page = 32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x32xbf16> {
  %0 = llama.linear %x, %w : (tensor<?x16xbf16>, tensor<64x16xbf16>) -> tensor<?x64xf32>
  %q, %k, %v = llama.split %0 : (tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>)
  %qr = llama.rotate %q, %t layout half {headDim = 16 : i64} : (tensor<?x32xf32>, tensor<?x16xf32>) -> tensor<?x32xbf16>
  %kr = llama.rotate %k, %u layout half {headDim = 16 : i64} : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xbf16>
  llama.kv_append %kv, %kr, %v, %p, %s : !llama.kv_layer<1 x 16 x bf16, page = 32>, tensor<?x16xbf16>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  llama.yield %qr : tensor<?x32xbf16>
}
func.func @decode(%x: tensor<?x16xbf16>, %t: tensor<?x16xf32>, %u: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !llama.kv_layer<1 x 16 x bf16, page = 32>) -> tensor<?x32xbf16>
    attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %w = llama.weight_ref @w : tensor<64x16xbf16>
  %y = llama.launch @decode.qkv(%x, %w, %t, %u, %kv, %p, %s) : (tensor<?x16xbf16>, tensor<64x16xbf16>, tensor<?x16xf32>, tensor<?x16xf32>, !llama.kv_layer<1 x 16 x bf16, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xbf16>
  return %y : tensor<?x32xbf16>
}

// -----

// Test: sources that are other parts than the kernel takes apart.
// expected-error @+1 {{has sources of 16, 16, 32 rows where the kernel takes rows apart into 32, 16, 16; each source must be one of these parts}}
llama.weight @w : tensor<64x16xbf16> role matrix sources ["q", "k", "v"] rows [16, 16, 32]
llama.kernel @decode.qkv(%x: tensor<?x16xbf16>, %w: tensor<64x16xbf16>, %t: tensor<?x16xf32>, %kv: !llama.kv_layer<1 x 16 x bf16, page = 32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x32xbf16> {
  %0 = llama.linear %x, %w : (tensor<?x16xbf16>, tensor<64x16xbf16>) -> tensor<?x64xf32>
  %q, %k, %v = llama.split %0 : (tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>)
  %qr = llama.rotate %q, %t layout half {headDim = 16 : i64} : (tensor<?x32xf32>, tensor<?x16xf32>) -> tensor<?x32xbf16>
  %kr = llama.rotate %k, %t layout half {headDim = 16 : i64} : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xbf16>
  llama.kv_append %kv, %kr, %v, %p, %s : !llama.kv_layer<1 x 16 x bf16, page = 32>, tensor<?x16xbf16>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  llama.yield %qr : tensor<?x32xbf16>
}
func.func @decode(%x: tensor<?x16xbf16>, %t: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !llama.kv_layer<1 x 16 x bf16, page = 32>) -> tensor<?x32xbf16>
    attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %w = llama.weight_ref @w : tensor<64x16xbf16>
  %y = llama.launch @decode.qkv(%x, %w, %t, %kv, %p, %s) : (tensor<?x16xbf16>, tensor<64x16xbf16>, tensor<?x16xf32>, !llama.kv_layer<1 x 16 x bf16, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xbf16>
  return %y : tensor<?x32xbf16>
}

// -----

// Test: a kernel that turns pairs of two layouts is refused.
llama.weight @w : tensor<64x16xbf16> role matrix sources ["q", "k", "v"] rows [32, 16, 16]
// expected-error @+1 {{turns queries and keys in different layouts, half and interleaved}}
llama.kernel @decode.qkv(%x: tensor<?x16xbf16>, %w: tensor<64x16xbf16>, %t: tensor<?x16xf32>, %u: tensor<?x16xf32>, %kv: !llama.kv_layer<1 x 16 x bf16, page = 32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x32xbf16> {
  %0 = llama.linear %x, %w : (tensor<?x16xbf16>, tensor<64x16xbf16>) -> tensor<?x64xf32>
  %q, %k, %v = llama.split %0 : (tensor<?x64xf32>) -> (tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>)
  %qr = llama.rotate %q, %t layout half {headDim = 16 : i64} : (tensor<?x32xf32>, tensor<?x16xf32>) -> tensor<?x32xbf16>
  %kr = llama.rotate %k, %t layout interleaved {headDim = 16 : i64} : (tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x16xbf16>
  llama.kv_append %kv, %kr, %v, %p, %s : !llama.kv_layer<1 x 16 x bf16, page = 32>, tensor<?x16xbf16>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>
  llama.yield %qr : tensor<?x32xbf16>
}
func.func @decode(%x: tensor<?x16xbf16>, %t: tensor<?x16xf32>, %u: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !llama.kv_layer<1 x 16 x bf16, page = 32>) -> tensor<?x32xbf16>
    attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %w = llama.weight_ref @w : tensor<64x16xbf16>
  %y = llama.launch @decode.qkv(%x, %w, %t, %u, %kv, %p, %s) : (tensor<?x16xbf16>, tensor<64x16xbf16>, tensor<?x16xf32>, tensor<?x16xf32>, !llama.kv_layer<1 x 16 x bf16, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xbf16>
  return %y : tensor<?x32xbf16>
}

// -----

// Test: so is one that turns other heads than the cache has.
llama.weight @w : tensor<96x16xbf16> role matrix sources ["q", "k", "v"] rows [32, 32, 32]
// expected-error @+1 {{turns queries and keys in heads of 16 elements, with 32 in the cache}}
llama.kernel @decode.qkv(%x: tensor<?x16xbf16>, %w: tensor<96x16xbf16>, %t: tensor<?x16xf32>, %u: tensor<?x16xf32>, %kv: !llama.kv_layer<1 x 32 x bf16, page = 32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x32xbf16> {
  %0 = llama.linear %x, %w : (tensor<?x16xbf16>, tensor<96x16xbf16>) -> tensor<?x96xf32>
  %q, %k, %v = llama.split %0 : (tensor<?x96xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
  %qr = llama.rotate %q, %t layout half {headDim = 16 : i64} : (tensor<?x32xf32>, tensor<?x16xf32>) -> tensor<?x32xbf16>
  %kr = llama.rotate %k, %t layout half {headDim = 16 : i64} : (tensor<?x32xf32>, tensor<?x16xf32>) -> tensor<?x32xbf16>
  llama.kv_append %kv, %kr, %v, %p, %s : !llama.kv_layer<1 x 32 x bf16, page = 32>, tensor<?x32xbf16>, tensor<?x32xf32>, tensor<?xi32>, tensor<?xi32>
  llama.yield %qr : tensor<?x32xbf16>
}
func.func @decode(%x: tensor<?x16xbf16>, %t: tensor<?x16xf32>, %u: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>, %kv: !llama.kv_layer<1 x 32 x bf16, page = 32>) -> tensor<?x32xbf16>
    attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %w = llama.weight_ref @w : tensor<96x16xbf16>
  %y = llama.launch @decode.qkv(%x, %w, %t, %u, %kv, %p, %s) : (tensor<?x16xbf16>, tensor<96x16xbf16>, tensor<?x16xf32>, tensor<?x16xf32>, !llama.kv_layer<1 x 32 x bf16, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xbf16>
  return %y : tensor<?x32xbf16>
}

// -----

llama.weight @w : tensor<64x64x!llama.block<q8_0>> role matrix sources ["w"]
// expected-error @+1 {{has a weight 'tensor<64x64x!llama.block<q8_0>>'; kernels for GPUs read weights of f32, f16 and bf16: leave out --quantize, or compile for a CPU}}
llama.kernel @decode.blocks(%x: tensor<?x64xbf16>, %w: tensor<64x64x!llama.block<q8_0>>) -> tensor<?x64xf32> {
  %0 = llama.linear %x, %w : (tensor<?x64xbf16>, tensor<64x64x!llama.block<q8_0>>) -> tensor<?x64xf32>
  llama.yield %0 : tensor<?x64xf32>
}
func.func @decode(%x: tensor<?x64xbf16>) -> tensor<?x64xf32> attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {
  %w = llama.weight_ref @w : tensor<64x64x!llama.block<q8_0>>
  %y = llama.launch @decode.blocks(%x, %w) : (tensor<?x64xbf16>, tensor<64x64x!llama.block<q8_0>>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
