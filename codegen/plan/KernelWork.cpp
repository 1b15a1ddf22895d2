//===- KernelWork.cpp - What a kernel has to read and compute ------------------===//

#include "codegen/plan/KernelWork.h"
#include "codegen/common/Arguments.h"
#include "codegen/common/ArithBuilder.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

KernelWork workOf(KernelOp kernel) {
  KernelWork work;
  for (BlockArgument argument : kernel.getBody().getArguments()) {
    // An embedding reads one row of its table for each token.
    bool isTable = llvm::any_of(argument.getUsers(), [](Operation *user) { return isa<EmbeddingOp>(user); });
    work.weightBytes += isTable ? 0 : weightBytesOf(argument.getType());
  }
  for (Operation &op : kernel.getBody().front()) {
    if (auto linear = dyn_cast<LinearOp>(op))
      work.flopsPerRow += 2 * cast<RankedTensorType>(linear.getWeight().getType()).getNumElements();
    if (auto attention = dyn_cast<AttentionOp>(op)) {
      KVLayerType cache = attention.getKv().getType();
      int64_t elementBytes = bytesOf(cache.getElementType()), head = cache.getHeadDim();
      work.cacheBytesPerKey += 2 * cache.getKvHeads() * head * elementBytes;
      work.window = attention.getWindow().value_or(0);
      work.flopsPerKey += 2 * 2 * static_cast<int64_t>(attention.getNumHeads()) * head;
    }
  }
  return work;
}

} // namespace quipu::codegen
