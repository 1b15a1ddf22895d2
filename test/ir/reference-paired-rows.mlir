// RUN: quipu-opt %s --llama-reference-pipeline | %run_reference | FileCheck %s

// Test: a product with rows in pairs is read as an epilogue reads it, against numbers worked out by hand. Row r of the
// weight holds r, so that a feature of the product with 1 is the row that it was read from.
func.func private @printMemrefF32(tensor<*xf32> {bufferization.access = "read"}) attributes {llvm.emit_c_interface}

func.func @print(%x: tensor<1x16xf32>) {
  %0 = tensor.cast %x : tensor<1x16xf32> to tensor<*xf32>
  call @printMemrefF32(%0) : (tensor<*xf32>) -> ()
  return
}

func.func @main() {
  %one = arith.constant dense<1.0> : tensor<1x1xf32>
  %rows = arith.constant dense<[[0.0], [1.0], [2.0], [3.0], [4.0], [5.0], [6.0], [7.0], [8.0], [9.0], [10.0], [11.0],
    [12.0], [13.0], [14.0], [15.0], [16.0], [17.0], [18.0], [19.0], [20.0], [21.0], [22.0], [23.0], [24.0], [25.0], [26.0],
    [27.0], [28.0], [29.0], [30.0], [31.0], [32.0], [33.0], [34.0], [35.0], [36.0], [37.0], [38.0], [39.0], [40.0], [41.0],
    [42.0], [43.0], [44.0], [45.0], [46.0], [47.0]]> : tensor<48x1xf32>
  // No turn.
  %table = arith.constant dense<[[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x16xf32>

  // A head of 16 in halves: its first half is rows 0 to 7, the firsts of the only tile. Side by side: rows 0, 8, 1, 9...
  // CHECK: {{\[}}[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]]
  // CHECK: {{\[}}[16, 24, 17, 25, 18, 26, 19, 27, 20, 28, 21, 29, 22, 30, 23, 31]]
  // CHECK: {{\[}}[32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47]]
  %qkv = builtin.unrealized_conversion_cast %rows : tensor<48x1xf32> to tensor<48x1xf32, #llama.paired_rows<<halves, 16>, <alternating, 16>, <plain>>>
  %p = llama.linear %one, %qkv : (tensor<1x1xf32>, tensor<48x1xf32, #llama.paired_rows<<halves, 16>, <alternating, 16>, <plain>>>) -> tensor<1x48xf32>
  %q, %k, %v = llama.split %p : (tensor<1x48xf32>) -> (tensor<1x16xf32>, tensor<1x16xf32>, tensor<1x16xf32>)
  %qr = llama.rotate %q, %table layout half {headDim = 16 : i64} : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<1x16xf32>
  %kr = llama.rotate %k, %table layout interleaved {headDim = 16 : i64} : (tensor<1x16xf32>, tensor<1x16xf32>) -> tensor<1x16xf32>
  call @print(%qr) : (tensor<1x16xf32>) -> ()
  call @print(%kr) : (tensor<1x16xf32>) -> ()
  call @print(%v) : (tensor<1x16xf32>) -> ()

  // Gates are rows 0 to 7 and 16 to 23, ups 8 behind them. silu(x) = x / (1 + exp(-x)) is x to six digits from 16 on:
  // 0 * 8, silu(1) * 9 = 0.731059 * 9, ..., 16 * 24, 17 * 25, ...
  // CHECK: {{\[}}[0, 6.57953, 17.6159, 31.4349, 47.1367, 64.565, 83.7923, 104.904, 384, 425, 468, 513, 560, 609, 660, 713]]
  %up = tensor.extract_slice %rows[0, 0] [32, 1] [1, 1] : tensor<48x1xf32> to tensor<32x1xf32>
  %gu = builtin.unrealized_conversion_cast %up : tensor<32x1xf32> to tensor<32x1xf32, #llama.paired_rows<<first>, <second>>>
  %r = llama.linear %one, %gu : (tensor<1x1xf32>, tensor<32x1xf32, #llama.paired_rows<<first>, <second>>>) -> tensor<1x32xf32>
  %g = llama.gate %r activation silu : (tensor<1x32xf32>) -> tensor<1x16xf32>
  call @print(%g) : (tensor<1x16xf32>) -> ()
  return
}
