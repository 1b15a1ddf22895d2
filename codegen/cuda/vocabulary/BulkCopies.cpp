//===- BulkCopies.cpp - Runs of bytes into shared memory ---------------------===//

#include "codegen/cuda/vocabulary/BulkCopies.h"

#include "codegen/cuda/vocabulary/PtxStrings.h"

using namespace mlir;

namespace quipu::codegen::cuda {

void copyBytes(CudaBuilder &b, Value shared, Value global, Value bytes, Value barrier) {
  ptx::copyBytes(b, shared, global, bytes, barrier);
}

} // namespace quipu::codegen::cuda
