//===- Pointwise.cpp - Embedding and rotary tables ===//

#include "codegen/cuda/Emitters.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

LogicalResult emitEmbedding(CudaBuilder &, KernelOp kernel, EmbeddingOp, CudaPointwiseScheduleAttr, GeneratedKernel &) {
  return kernel.emitOpError("SKELETON");
}

LogicalResult emitRotaryTable(CudaBuilder &, KernelOp kernel, RotaryTableOp, CudaPointwiseScheduleAttr, GeneratedKernel &) {
  return kernel.emitOpError("SKELETON");
}

} // namespace quipu::codegen
