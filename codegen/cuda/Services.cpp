//===- Services.cpp - Kernels that the runtime calls by name ===//

#include "codegen/cuda/Emitters.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

void emitServices(CudaBuilder &) {}

} // namespace quipu::codegen
