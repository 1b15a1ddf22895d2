// RUN: quipu-opt %s --canonicalize | FileCheck %s

// Test: a split into one part, and a head that is repeated once, are what they read.
// CHECK-LABEL: func.func @nothing
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>)
// CHECK-NEXT: return %[[X]], %[[X]] : tensor<?x8xf32>, tensor<?x8xf32>
func.func @nothing(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %0 = llama.split %x : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %1 = llama.repeat_kv %x {headDim = 4 : i64, times = 1 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}

// Test: where the type changes, numbers are rounded or lie elsewhere, and the op stays.
// CHECK-LABEL: func.func @changes_type
// CHECK: llama.split
// CHECK: llama.repeat_kv
// CHECK: llama.merge
func.func @changes_type(%x: tensor<?x8xf32>, %l: tensor<?x2xf32>)
    -> (tensor<?x8xbf16>, tensor<?x8xf32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<?x8xbf16>) {
  %0 = llama.split %x : (tensor<?x8xf32>) -> tensor<?x8xbf16>
  %1 = llama.repeat_kv %x {headDim = 4 : i64, times = 1 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32, #llama.token_lanes<lanes = 16, pack = 1>>
  %2 = llama.merge %x lse %l : (tensor<?x8xf32>, tensor<?x2xf32>) -> tensor<?x8xbf16>
  return %0, %1, %2 : tensor<?x8xbf16>, tensor<?x8xf32, #llama.token_lanes<lanes = 16, pack = 1>>, tensor<?x8xbf16>
}

// Test: heads that are repeated twice are repeated once, as often as both together; the last may round.
// CHECK-LABEL: func.func @repeats
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>)
// CHECK-NEXT: %[[R:.*]] = llama.repeat_kv %[[X]] {headDim = 4 : i64, times = 6 : i64} : (tensor<?x8xf32>) -> tensor<?x48xbf16>
// CHECK-NEXT: return %[[R]]
func.func @repeats(%x: tensor<?x8xf32>) -> tensor<?x48xbf16> {
  %0 = llama.repeat_kv %x {headDim = 4 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x16xf32>
  %1 = llama.repeat_kv %0 {headDim = 4 : i64, times = 3 : i64} : (tensor<?x16xf32>) -> tensor<?x48xbf16>
  return %1 : tensor<?x48xbf16>
}

// Test: not where the first rounds, nor where the heads are of two sizes.
// CHECK-LABEL: func.func @keeps_repeats
// CHECK-COUNT-4: llama.repeat_kv
func.func @keeps_repeats(%x: tensor<?x8xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %0 = llama.repeat_kv %x {headDim = 4 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x16xbf16>
  %1 = llama.repeat_kv %0 {headDim = 4 : i64, times = 2 : i64} : (tensor<?x16xbf16>) -> tensor<?x32xf32>
  %2 = llama.repeat_kv %x {headDim = 4 : i64, times = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x16xf32>
  %3 = llama.repeat_kv %2 {headDim = 8 : i64, times = 2 : i64} : (tensor<?x16xf32>) -> tensor<?x32xf32>
  return %1, %3 : tensor<?x32xf32>, tensor<?x32xf32>
}

// Test: one partial attention alone is the attention.
// CHECK-LABEL: func.func @merges
// CHECK-SAME: (%[[A:[a-z0-9]*]]: tensor<?x8xf32>
// CHECK-NEXT: return %[[A]]
func.func @merges(%a: tensor<?x8xf32>, %l: tensor<?x2xf32>) -> tensor<?x8xf32> {
  %0 = llama.merge %a lse %l : (tensor<?x8xf32>, tensor<?x2xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// Test: a gate of both halves of a row is the gate of the row.
// CHECK-LABEL: func.func @gates
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>)
// CHECK-NEXT: %[[G:.*]] = llama.gate %[[X]] activation silu : (tensor<?x16xf32>) -> tensor<?x8xbf16>
// CHECK-NEXT: return %[[G]]
func.func @gates(%x: tensor<?x16xf32>) -> tensor<?x8xbf16> {
  %0, %1 = llama.split %x : (tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  %2 = llama.gate %0, %1 activation silu : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xbf16>
  return %2 : tensor<?x8xbf16>
}

// Test: not of the halves in the other order, which gates by what is the up projection.
// CHECK-LABEL: func.func @gates_swapped
// CHECK: %[[PARTS:.*]]:2 = llama.split
// CHECK-NEXT: llama.gate %[[PARTS]]#1, %[[PARTS]]#0
func.func @gates_swapped(%x: tensor<?x16xf32>) -> tensor<?x8xf32> {
  %0, %1 = llama.split %x : (tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  %2 = llama.gate %1, %0 activation silu : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %2 : tensor<?x8xf32>
}

// Test: only the rows that are wanted are normalised.
// CHECK-LABEL: func.func @selects
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<8xbf16>, %[[R:.*]]: tensor<?xi32>)
// CHECK-NEXT: %[[G:.*]] = llama.gather_rows %[[X]], %[[R]] : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
// CHECK-NEXT: %[[N:.*]] = llama.rms_norm %[[G]], %[[W]] {eps = 1.000000e-05 : f64} : (tensor<?x8xf32>, tensor<8xbf16>) -> tensor<?x8xbf16>
// CHECK-NEXT: return %[[N]]
func.func @selects(%x: tensor<?x8xf32>, %w: tensor<8xbf16>, %rows: tensor<?xi32>) -> tensor<?x8xbf16> {
  %0 = llama.rms_norm %x, %w {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xbf16>) -> tensor<?x8xbf16>
  %1 = llama.gather_rows %0, %rows : (tensor<?x8xbf16>, tensor<?xi32>) -> tensor<?x8xbf16>
  return %1 : tensor<?x8xbf16>
}

// Test: not where others want all rows.
// CHECK-LABEL: func.func @selects_beside
// CHECK: llama.rms_norm
// CHECK-NEXT: llama.gather_rows
// CHECK-NEXT: return
func.func @selects_beside(%x: tensor<?x8xf32>, %w: tensor<8xbf16>, %rows: tensor<?xi32>) -> (tensor<?x8xbf16>, tensor<?x8xbf16>) {
  %0 = llama.rms_norm %x, %w {eps = 1.0e-05 : f64} : (tensor<?x8xf32>, tensor<8xbf16>) -> tensor<?x8xbf16>
  %1 = llama.gather_rows %0, %rows : (tensor<?x8xbf16>, tensor<?xi32>) -> tensor<?x8xbf16>
  return %0, %1 : tensor<?x8xbf16>, tensor<?x8xbf16>
}

// Test: keys from the first on are all keys; from a later one on they are not.
// CHECK-LABEL: func.func @keys
// CHECK-NOT: keyBegin = 0
// CHECK: keyBegin = 1
func.func @keys(%q: tensor<?x8xf32>, %kv: !llama.kv_layer<1 x 4 x f32, page = 32>, %p: tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %0 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, keyBegin = 0 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  %1 = llama.attention %q, %kv, %p, %p {numHeads = 2 : i64, numKvHeads = 1 : i64, keyBegin = 1 : i64, scale = 0.5 : f64} : (tensor<?x8xf32>, !llama.kv_layer<1 x 4 x f32, page = 32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x8xf32>
  return %0, %1 : tensor<?x8xf32>, tensor<?x8xf32>
}
