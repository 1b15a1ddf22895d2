//===- SharedRows.h - Rows of 16-bit elements for ldmatrix ------*- C++ -*-===//
//
// A tile is some rows of 16-bit elements in shared memory. ldmatrix reads the same 16-byte chunk of eight rows at once.
// This takes one pass if the eight chunks lie in different banks. There are 32 banks of 4 bytes, so chunks collide when
// their addresses are equal modulo 128 bytes. Two layouts avoid this:
//
//   permuted  Rows are a multiple of 128 bytes. Chunk c of row r lies at place c ^ (r % 8) of the row.
//   padded    For other sizes. A row is padded to an odd number of chunks.
//
// Addresses are i32. A tile begins at a multiple of 128 bytes.
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

  /// Byte offset of chunk number `chunk` of row number `row` in the tile.
  Value offset(CudaBuilder &b, Value row, Value chunk) const {
    if (permuted)
      chunk = xorBits(b, chunk, b.rem(row, 8));
    return b.add(b.mul(row, stride), b.mul(chunk, 16));
  }
  /// `address`: of chunk 0 or 1 of a row. Returns the address of the chunk that lies 2 * `pairs` chunks further.
  Value alongRow(CudaBuilder &b, Value address, int64_t pairs) const {
    if (!permuted)
      return b.add(address, pairs * 32);
    return b.add(xorBits(b, address, b.i32(pairs % 4 * 32)), pairs / 4 * 128);
  }
  /// `address`: of a chunk in one of the first n rows, where n is a power of two that divides `rows`. Returns the
  /// address of the same chunk `rows` rows further down.
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
