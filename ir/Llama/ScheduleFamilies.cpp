//===- ScheduleFamilies.cpp - Which kernels a schedule is for ---------------===//
//
// A schedule belongs to a family of kernels: linear, attention, or single ops. What a kernel's types must be beside
// that, the emitters check, since it depends on the target.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Llama.h"

using namespace mlir;

namespace quipu::llama {

LogicalResult verifyLinearKernel(Operation *op) {
  if (cast<KernelOp>(op).getOps<LinearOp>().empty())
    return op->emitOpError() << "has a linear schedule but does not hold a llama.linear";
  return success();
}

LogicalResult verifyAttentionKernel(Operation *op) {
  auto ops = cast<KernelOp>(op).getBody().front().without_terminator();
  auto attention = llvm::hasSingleElement(ops) ? dyn_cast<AttentionOp>(*ops.begin()) : AttentionOp();
  if (!attention || attention.getLse() || !attention.getCausal() || attention.getKeyBegin() || attention.getKeyEnd())
    return op->emitOpError() << "has an attention schedule but does not hold exactly one causal llama.attention over "
                                "all keys without lse";
  return success();
}

LogicalResult verifySingleOpKernel(Operation *op) {
  if (!llvm::hasSingleElement(cast<KernelOp>(op).getBody().front().without_terminator()))
    return op->emitOpError() << "has a pointwise schedule, but the pointwise family generates single ops only";
  return success();
}

} // namespace quipu::llama
