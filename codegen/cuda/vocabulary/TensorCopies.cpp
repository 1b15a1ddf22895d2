//===- TensorCopies.cpp - Boxes of a matrix into shared memory ---------------===//

#include "codegen/cuda/vocabulary/TensorCopies.h"

using namespace mlir;

namespace quipu::codegen::cuda {

void prefetchTensorMap(CudaBuilder &b, Value map) {
  b.ptx("prefetch.tensormap [$0];", {}, {map}, /*memory=*/false, /*ordered=*/true);
}

void copyBox(CudaBuilder &b, Value shared, Value map, Value row, Value column, Value barrier) {
  b.ptx("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [$0], [$1, {$2, $3}], [$4];", {},
        {shared, map, column, row, barrier}, /*memory=*/true);
}

void copyBoxToCluster(CudaBuilder &b, Value shared, Value map, Value row, Value column, Value barrier, int64_t blocks) {
  std::string mask = std::to_string((1 << blocks) - 1);
  b.ptx("{ .reg .b16 blocks; mov.b16 blocks, " + mask +
            "; cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
            "[$0], [$1, {$2, $3}], [$4], blocks; }",
        {}, {shared, map, column, row, barrier}, /*memory=*/true);
}

} // namespace quipu::codegen::cuda
