//===- SharedRows.h - Rows of 16-bit elements for ldmatrix ------*- C++ -*-===//
//
// ldmatrix reads eight rows of 16 bytes at once, from eight rows of a tile at the same column. They come in one pass
// when they lie in different banks: the 16-byte chunks of a row are permuted by the number of the row where the row is
// a multiple of 128 bytes (chunk c of row r lies at c ^ (r % 8)), otherwise the row is padded to an odd number of
// chunks. Addresses are i32; a tile begins at a multiple of 128 bytes.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_SHAREDROWS_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_SHAREDROWS_H

#include "codegen/cuda/vocabulary/CudaBuilder.h"

namespace quipu::codegen::cuda {

/// Rows of `elements` (a multiple of 16) elements in shared memory.
struct SharedRows {
  explicit SharedRows(int64_t elements)
      : chunks(elements / 8), permuted(chunks % 8 == 0), stride((permuted ? chunks : chunks | 1) * 16) {}

  using Value = mlir::Value;

  /// Byte offset of a chunk of a row.
  Value offset(CudaBuilder &b, Value row, Value chunk) const {
    if (permuted)
      chunk = xorBits(b, chunk, b.rem(row, 8));
    return b.add(b.mul(row, stride), b.mul(chunk, 16));
  }
  /// From the address of chunk 0 or 1 of a row to that of the chunk `pairs` pairs further.
  Value alongRow(CudaBuilder &b, Value address, int64_t pairs) const {
    if (!permuted)
      return b.add(address, pairs * 32);
    return b.add(xorBits(b, address, b.i32(pairs % 4 * 32)), pairs / 4 * 128);
  }
  /// From the address of a chunk of a row below `step` (a power of two) to that of the same chunk `rows` rows (a
  /// multiple of `step`) further down.
  Value downRows(CudaBuilder &b, Value address, int64_t rows) const {
    if (permuted && rows % 8)
      address = xorBits(b, address, b.i32(rows % 8 * 16));
    return b.add(address, rows * stride);
  }

  int64_t chunks;
  bool permuted;
  int64_t stride;

private:
  static Value xorBits(CudaBuilder &b, Value a, Value c) { return mlir::arith::XOrIOp::create(b, a, c); }
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_SHAREDROWS_H
