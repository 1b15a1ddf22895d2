//===- LinearManyWgmma.cpp - Linear kernels for many rows with wgmma ===//

#include "codegen/cuda/Emitters.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

LogicalResult emitLinearManyWgmma(CudaBuilder &, LinearRegion &region, CudaLinearManyScheduleAttr, int64_t, GeneratedKernel &) {
  return region.kernel.emitOpError("SKELETON");
}

} // namespace quipu::codegen
