//===- Backend.cpp - Which backend a target has ----------------------------===//

#include "tools/quipu-compile/Backend.h"

#include "tools/quipu-compile/CpuBackend.h"
#include "tools/quipu-compile/CudaBackend.h"

namespace quipu::tool {

std::unique_ptr<Backend> Backend::create(const CompileOptions &options, Timing &timing) {
  if (codegen::cuda::isCudaTarget(options.target))
    return std::make_unique<CudaBackend>(options, timing);
  if (!llvm::StringRef(options.target).starts_with("cpu"))
    throw UsageError(
        "--target '" + options.target +
        "': unknown device; supported: cpu, cuda, and more exactly cpu:x86-64-v4 or cuda:sm_80 (see --help)");
  return std::make_unique<CpuBackend>(options, timing);
}

} // namespace quipu::tool
