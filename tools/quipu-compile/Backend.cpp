//===- Backend.cpp - Which backend a target has ----------------------------===//

#include "tools/quipu-compile/Backend.h"

#include "tools/quipu-compile/CpuBackend.h"
#include "tools/quipu-compile/CudaBackend.h"

namespace quipu::tool {

std::unique_ptr<Backend> Backend::create(const CompileOptions &options, Timing &timing) {
  if (codegen::isCudaTarget(options.target))
    return std::make_unique<CudaBackend>(options, timing);
  return std::make_unique<CpuBackend>(options, timing);
}

} // namespace quipu::tool
