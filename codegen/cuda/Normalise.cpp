//===- Normalise.cpp - RMS norm of the input into a workspace ===//

#include "codegen/cuda/Emitters.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

LogicalResult emitNormalise(CudaBuilder &, LinearRegion &region, GeneratedKernel &) {
  return region.kernel.emitOpError("SKELETON");
}

} // namespace quipu::codegen
