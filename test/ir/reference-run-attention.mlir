// RUN: quipu-opt %s --llama-reference-pipeline | %run_reference | FileCheck %s

// Test: the cache and attention in all their forms, against numbers worked out by hand.
func.func private @printMemrefF32(tensor<*xf32> {bufferization.access = "read"}) attributes {llvm.emit_c_interface}

// The first four rows, without the padding row, whose attention is unspecified.
func.func @print(%x: tensor<5x4xf32>) {
  %rows = arith.constant dense<[0, 1, 2, 3]> : tensor<4xi32>
  %0 = llama.gather_rows %x, %rows : (tensor<5x4xf32>, tensor<4xi32>) -> tensor<4x4xf32>
  %1 = tensor.cast %0 : tensor<4x4xf32> to tensor<*xf32>
  call @printMemrefF32(%1) : (tensor<*xf32>) -> ()
  return
}

func.func @main() {
  %sequences = arith.constant 2 : index
  %positions = arith.constant 4 : index
  %memory = memref.alloc(%sequences, %positions) : memref<1x2x?x?x1x2xf32>
  // What was never written must not matter.
  %nan = arith.constant 0x7FC00000 : f32
  linalg.fill ins(%nan : f32) outs(%memory : memref<1x2x?x?x1x2xf32>)
  %cache = builtin.unrealized_conversion_cast %memory : memref<1x2x?x?x1x2xf32> to !llama.kv_cache<1 x 1 x 2 x f32, page = 32>
  %kv = llama.kv_layer %cache[0] : !llama.kv_cache<1 x 1 x 2 x f32, page = 32> -> !llama.kv_layer<1 x 2 x f32, page = 32>

  // Three rows of sequence 0, one of sequence 1, and a padding row, which must not be stored.
  %p = arith.constant dense<[0, 1, 2, 0, -1]> : tensor<5xi32>
  %s = arith.constant dense<[0, 0, 0, 1, 0]> : tensor<5xi32>
  %k = arith.constant dense<[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [2.0, 0.0], [9.0, 9.0]]> : tensor<5x2xf32>
  %v = arith.constant dense<[[1.0, 0.0], [0.0, 1.0], [2.0, 2.0], [5.0, 6.0], [9.0, 9.0]]> : tensor<5x2xf32>
  llama.kv_append %kv, %k, %v, %p, %s : !llama.kv_layer<1 x 2 x f32, page = 32>, tensor<5x2xf32>, tensor<5x2xf32>, tensor<5xi32>, tensor<5xi32>

  // Two query heads share the one key/value head. With e = exp 1, row 1 weighs e : 1 and 1 : e; row 2 weighs e : 1 : e
  // and 1 : e : e.
  // CHECK: {{\[}}[1, 0, 1, 0],
  // CHECK-NEXT: [0.731059, 0.268941, 0.268941, 0.731059],
  // CHECK-NEXT: [1.26696, 1, 1, 1.26696],
  // CHECK-NEXT: [5, 6, 5, 6]]
  %q = arith.constant dense<[1.0, 0.0, 0.0, 1.0]> : tensor<4xf32>
  %init = tensor.empty() : tensor<5x4xf32>
  %queries = linalg.broadcast ins(%q : tensor<4xf32>) outs(%init : tensor<5x4xf32>) dimensions = [0]
  %a = llama.attention %queries, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 1.0 : f64} : (tensor<5x4xf32>, !llama.kv_layer<1 x 2 x f32, page = 32>, tensor<5xi32>, tensor<5xi32>) -> tensor<5x4xf32>
  call @print(%a) : (tensor<5x4xf32>) -> ()

  // A window of two keys: row 2 weighs 1 : e and 1 : 1 of the keys at 1 and 2.
  // CHECK: {{\[}}[1, 0, 1, 0],
  // CHECK-NEXT: [0.731059, 0.268941, 0.268941, 0.731059],
  // CHECK-NEXT: [1.46212, 1.73106, 1, 1.5],
  // CHECK-NEXT: [5, 6, 5, 6]]
  %w = llama.attention %queries, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 1.0 : f64, window = 2 : i64} : (tensor<5x4xf32>, !llama.kv_layer<1 x 2 x f32, page = 32>, tensor<5xi32>, tensor<5xi32>) -> tensor<5x4xf32>
  call @print(%w) : (tensor<5x4xf32>) -> ()

  // A scale of zero weighs all keys alike.
  // CHECK: {{\[}}[1, 0, 1, 0],
  // CHECK-NEXT: [0.5, 0.5, 0.5, 0.5],
  // CHECK-NEXT: [1, 1, 1, 1],
  %z = llama.attention %queries, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 0.0 : f64} : (tensor<5x4xf32>, !llama.kv_layer<1 x 2 x f32, page = 32>, tensor<5xi32>, tensor<5xi32>) -> tensor<5x4xf32>
  call @print(%z) : (tensor<5x4xf32>) -> ()

  // Not causal: every row of sequence 0 sees the keys at 0 and 1.
  // CHECK: {{\[}}[0.731059, 0.268941, 0.268941, 0.731059],
  // CHECK-NEXT: [0.731059, 0.268941, 0.268941, 0.731059],
  // CHECK-NEXT: [0.731059, 0.268941, 0.268941, 0.731059],
  %n = llama.attention %queries, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 1.0 : f64, causal = false, keyEnd = 2 : i64} : (tensor<5x4xf32>, !llama.kv_layer<1 x 2 x f32, page = 32>, tensor<5xi32>, tensor<5xi32>) -> tensor<5x4xf32>
  call @print(%n) : (tensor<5x4xf32>) -> ()

  // The keys up to 1 and those from 2 on, each with the logarithm of its sum; rows 0, 1 and 3 have none of the latter.
  // CHECK: {{\[}}[1, 0],
  // CHECK-NEXT: [1.31326, 1.31326],
  // CHECK-NEXT: [1.31326, 1.31326],
  // CHECK-NEXT: [2, 0],
  // CHECK: {{\[}}[-inf, -inf],
  // CHECK-NEXT: [-inf, -inf],
  // CHECK-NEXT: [1, 1],
  // CHECK-NEXT: [-inf, -inf],
  %o0, %l0 = llama.attention %queries, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 1.0 : f64, keyEnd = 2 : i64} : (tensor<5x4xf32>, !llama.kv_layer<1 x 2 x f32, page = 32>, tensor<5xi32>, tensor<5xi32>) -> (tensor<5x4xf32>, tensor<5x2xf32>)
  %o1, %l1 = llama.attention %queries, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 1.0 : f64, keyBegin = 2 : i64} : (tensor<5x4xf32>, !llama.kv_layer<1 x 2 x f32, page = 32>, tensor<5xi32>, tensor<5xi32>) -> (tensor<5x4xf32>, tensor<5x2xf32>)
  %l00 = tensor.cast %l0 : tensor<5x2xf32> to tensor<*xf32>
  call @printMemrefF32(%l00) : (tensor<*xf32>) -> ()
  %l10 = tensor.cast %l1 : tensor<5x2xf32> to tensor<*xf32>
  call @printMemrefF32(%l10) : (tensor<*xf32>) -> ()

  // Joined, they are the attention over all keys.
  // CHECK: {{\[}}[1, 0, 1, 0],
  // CHECK-NEXT: [0.731059, 0.268941, 0.268941, 0.731059],
  // CHECK-NEXT: [1.26696, 1, 1, 1.26696],
  // CHECK-NEXT: [5, 6, 5, 6]]
  %m = llama.merge %o0, %o1 lse %l0, %l1 : (tensor<5x4xf32>, tensor<5x4xf32>, tensor<5x2xf32>, tensor<5x2xf32>) -> tensor<5x4xf32>
  call @print(%m) : (tensor<5x4xf32>) -> ()

  // Appending to a position again replaces what it held, for what comes after: the value of row 0 is 7, 8 now.
  // CHECK: {{\[}}[7, 8, 7, 8],
  %k1 = arith.constant dense<[[1.0, 0.0]]> : tensor<1x2xf32>
  %v1 = arith.constant dense<[[7.0, 8.0]]> : tensor<1x2xf32>
  %zero = arith.constant dense<[0]> : tensor<1xi32>
  llama.kv_append %kv, %k1, %v1, %zero, %zero : !llama.kv_layer<1 x 2 x f32, page = 32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xi32>, tensor<1xi32>
  %again = llama.attention %queries, %kv, %p, %s {numHeads = 2 : i64, numKvHeads = 1 : i64, scale = 1.0 : f64} : (tensor<5x4xf32>, !llama.kv_layer<1 x 2 x f32, page = 32>, tensor<5xi32>, tensor<5xi32>) -> tensor<5x4xf32>
  call @print(%again) : (tensor<5x4xf32>) -> ()
  return
}
