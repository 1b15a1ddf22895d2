//===- BulkCopies.h - Runs of bytes into shared memory ----------*- C++ -*-===//
//
// cp.async.bulk (PTX ISA, "Data Movement and Conversion Instructions: cp.async.bulk"; sm_90): one thread has a run of
// neighbouring bytes copied from global to shared memory, past the registers; a barrier (Barriers.h) is told of the
// bytes as they land.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_BULKCOPIES_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_BULKCOPIES_H

#include "codegen/cuda/vocabulary/CudaBuilder.h"

namespace quipu::codegen::cuda {

/// One thread starts a copy of `bytes` (i32, a multiple of 16) bytes from `global` to `shared`. Both are aligned to 16
/// bytes.
void copyBytes(CudaBuilder &b, mlir::Value shared, mlir::Value global, mlir::Value bytes, mlir::Value barrier);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_BULKCOPIES_H
