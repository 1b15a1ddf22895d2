// RUN: quipu-opt %s --llama-select-schedules="target=cpu:x86-64-v4,+avx512bf16" --split-input-file | FileCheck %s

// Test: an odd width cannot be packed in pairs, so nothing of the program is, and its products use fma.
// CHECK-LABEL: llama.kernel @prefill.odd
// CHECK-SAME: token_lanes<lanes = 16, pack = 1>
// CHECK-SAME: rows = many
// CHECK-SAME: dot = fma
// CHECK-NOT: pack = 2
llama.weight @w : tensor<6x7xbf16> role matrix sources ["w"]
llama.kernel @prefill.odd(%x: tensor<?x7xbf16>, %w: tensor<6x7xbf16>) -> tensor<?x6xf32> {
  %0 = llama.linear %x, %w : (tensor<?x7xbf16>, tensor<6x7xbf16>) -> tensor<?x6xf32>
  llama.yield %0 : tensor<?x6xf32>
}
func.func @prefill(%x: tensor<?x7xbf16>) -> tensor<?x6xf32> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 16>} {
  %w = llama.weight_ref @w : tensor<6x7xbf16>
  %y = llama.launch @prefill.odd(%x, %w) : (tensor<?x7xbf16>, tensor<6x7xbf16>) -> tensor<?x6xf32>
  return %y : tensor<?x6xf32>
}

// -----

// Test: nothing is packed where the cache holds another type than the queries: their products use fma.
// CHECK-LABEL: llama.kernel @prefill.attention
// CHECK-SAME: tensor<?x8xbf16, #llama.token_lanes<lanes = 16, pack = 1>>
// CHECK-SAME: dot = fma
// CHECK-NOT: pack = 2
llama.kernel @prefill.attention(%x: tensor<?x8xbf16>, %kv: !llama.kv_layer<1 x 8 x f16, page = 32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x8xbf16> {
  %0 = llama.attention %x, %kv, %p, %s {numHeads = 1 : i64, numKvHeads = 1 : i64, scale = 1.0 : f64} : (tensor<?x8xbf16>, !llama.kv_layer<1 x 8 x f16, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xbf16>
  llama.yield %0 : tensor<?x8xbf16>
}
func.func @prefill(%x: tensor<?x8xbf16>, %kv: !llama.kv_layer<1 x 8 x f16, page = 32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x8xbf16> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 16>} {
  %y = llama.launch @prefill.attention(%x, %kv, %p, %s) : (tensor<?x8xbf16>, !llama.kv_layer<1 x 8 x f16, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xbf16>
  return %y : tensor<?x8xbf16>
}

// -----

// Test: nor where heads are odd, though the activations are even.
// CHECK-LABEL: llama.kernel @prefill.attention
// CHECK-SAME: tensor<?x6xbf16, #llama.token_lanes<lanes = 16, pack = 1>>
// CHECK-NOT: pack = 2
llama.kernel @prefill.attention(%x: tensor<?x6xbf16>, %kv: !llama.kv_layer<2 x 3 x bf16, page = 32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x6xbf16> {
  %0 = llama.attention %x, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 2 : i64, scale = 1.0 : f64} : (tensor<?x6xbf16>, !llama.kv_layer<2 x 3 x bf16, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x6xbf16>
  llama.yield %0 : tensor<?x6xbf16>
}
func.func @prefill(%x: tensor<?x6xbf16>, %kv: !llama.kv_layer<2 x 3 x bf16, page = 32>, %p: tensor<?xi32>, %s: tensor<?xi32>) -> tensor<?x6xbf16> attributes {llama.program = #llama.program<prefill, rows = 9 to 64, align = 16>} {
  %y = llama.launch @prefill.attention(%x, %kv, %p, %s) : (tensor<?x6xbf16>, !llama.kv_layer<2 x 3 x bf16, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x6xbf16>
  return %y : tensor<?x6xbf16>
}

// -----

// Test: a kernel of no program is left alone, and a weight of one source has no parts.
// CHECK-LABEL: llama.weight @single : tensor<8x8xf32> role
// CHECK-LABEL: llama.kernel @helper
// CHECK-NOT: schedule
llama.weight @single : tensor<8x8xf32> role matrix sources ["single"]
llama.kernel @helper(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %0 = llama.add %x, %x : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  llama.yield %0 : tensor<?x8xf32>
}
