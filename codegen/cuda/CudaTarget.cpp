//===- CudaTarget.cpp - Which NVIDIA GPU a plan is compiled for ------------===//

#include "codegen/cuda/CudaTarget.h"

namespace quipu::codegen::cuda {

static constexpr llvm::StringLiteral kSupported = "cuda:sm_80, cuda:sm_86, cuda:sm_89, cuda:sm_90a";

bool isCudaTarget(llvm::StringRef text) { return text == "cuda" || text.starts_with("cuda:"); }

llvm::Expected<CudaTarget> parseCudaTarget(llvm::StringRef text) {
  llvm::StringRef arch = text;
  bool isPlain = text == "cuda";
  if (!isPlain && !arch.consume_front("cuda:"))
    return llvm::createStringError("--target '" + text + "' is not a CUDA target; supported: " + kSupported);
  if (isPlain || arch == "sm_90a")
    return CudaTarget{"sm_90a", 90};
  if (arch == "sm_80" || arch == "sm_86" || arch == "sm_89")
    return CudaTarget{arch.str(), arch == "sm_80" ? 80 : arch == "sm_86" ? 86 : 89};
  return llvm::createStringError("--target '" + text + "': unknown architecture '" + arch +
                                 "'; supported: " + kSupported);
}

} // namespace quipu::codegen::cuda
