//===- TensorCopies.cpp - Boxes of a matrix into shared memory ---------------===//

#include "codegen/cuda/vocabulary/TensorCopies.h"

#include "codegen/cuda/vocabulary/PtxStrings.h"

using namespace mlir;

namespace quipu::codegen::cuda {

void prefetchTensorMap(CudaBuilder &b, Value map) { ptx::prefetchTensorMap(b, map); }

void copyBox(CudaBuilder &b, Value shared, Value map, Value row, Value column, Value barrier) {
  ptx::copyBox(b, shared, map, row, column, barrier);
}

void copyBoxToCluster(CudaBuilder &b, Value shared, Value map, Value row, Value column, Value barrier, int64_t blocks) {
  ptx::copyBoxToCluster(b, shared, map, row, column, barrier, blocks);
}

} // namespace quipu::codegen::cuda
