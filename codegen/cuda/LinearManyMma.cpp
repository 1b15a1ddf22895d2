//===- LinearManyMma.cpp - Linear kernels for many rows with mma.sync ===//

#include "codegen/cuda/Emitters.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

LogicalResult emitLinearManyMma(CudaBuilder &, LinearRegion &region, CudaLinearManyScheduleAttr, int64_t, GeneratedKernel &) {
  return region.kernel.emitOpError("SKELETON");
}

} // namespace quipu::codegen
