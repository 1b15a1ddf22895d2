//===- LinearFew.cpp - Linear kernels for a handful of rows ===//

#include "codegen/cuda/Emitters.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

LogicalResult emitLinearFew(CudaBuilder &, LinearRegion &region, CudaLinearFewScheduleAttr, GeneratedKernel &) {
  return region.kernel.emitOpError("SKELETON");
}

} // namespace quipu::codegen
