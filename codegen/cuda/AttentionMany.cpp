//===- AttentionMany.cpp - Attention of many rows ===//

#include "codegen/cuda/Emitters.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

LogicalResult emitAttentionMany(CudaBuilder &, KernelOp kernel, AttentionOp, CudaAttentionScheduleAttr, GeneratedKernel &) {
  return kernel.emitOpError("SKELETON");
}

} // namespace quipu::codegen
