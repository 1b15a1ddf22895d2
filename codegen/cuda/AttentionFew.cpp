//===- AttentionFew.cpp - Attention of a handful of rows ===//

#include "codegen/cuda/Emitters.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

LogicalResult emitAttentionFew(CudaBuilder &, KernelOp kernel, AttentionOp, CudaAttentionScheduleAttr, int64_t, GeneratedKernel &) {
  return kernel.emitOpError("SKELETON");
}

} // namespace quipu::codegen
