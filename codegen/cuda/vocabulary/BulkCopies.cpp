//===- BulkCopies.cpp - Runs of bytes into shared memory ---------------------===//

#include "codegen/cuda/vocabulary/BulkCopies.h"

using namespace mlir;

namespace quipu::codegen::cuda {

void copyBytes(CudaBuilder &b, Value shared, Value global, Value bytes, Value barrier) {
  b.ptx("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [$0], [$1], $2, [$3];", {},
        {shared, global, bytes, barrier}, /*memory=*/true);
}

} // namespace quipu::codegen::cuda
