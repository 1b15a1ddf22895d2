//===- TensorCopies.h - Boxes of a matrix into shared memory ----*- C++ -*-===//
//
// The copy engine of sm_90 (TMA) reads a box of a matrix that a tensor map describes (GeneratedTensorMap). A box has
// rows of 128 bytes; the 16-byte piece c of row r of it lies at byte
//
//     128 r + 16 (c ^ (r % 8))
//
// behind the destination, which is aligned to 1024 bytes: the "128-byte swizzle", with which neither a column of pieces
// nor a row meets a bank of shared memory twice. Elements outside the matrix are written as zeros and counted like
// others.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_TENSORCOPIES_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_TENSORCOPIES_H

#include "codegen/cuda/vocabulary/CudaBuilder.h"

namespace quipu::codegen::cuda {

/// Bytes in a row of a box.
inline constexpr int64_t kBoxRowBytes = 128;
/// Most rows of a box.
inline constexpr int64_t kMaxBoxRows = 256;

/// Fetches a tensor map (a pointer of CudaFrame::tensorMap) into the cache of descriptors.
void prefetchTensorMap(CudaBuilder &b, mlir::Value map);

/// One thread starts a copy of the box whose first element is (row, column) to `shared`. `barrier` counts the bytes
/// that arrive.
void copyBox(CudaBuilder &b, mlir::Value shared, mlir::Value map, mlir::Value row, mlir::Value column,
             mlir::Value barrier);
/// The same into each of the first `blocks` blocks of the cluster, at the offset of `shared` in its memory. The
/// `barrier` of each block counts its bytes.
void copyBoxToCluster(CudaBuilder &b, mlir::Value shared, mlir::Value map, mlir::Value row, mlir::Value column,
                      mlir::Value barrier, int64_t blocks);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_TENSORCOPIES_H
