//===- TargetAttrs.cpp - What a module is compiled for ----------------------===//

#include "ir/Llama/Llama.h"

using namespace mlir;
using namespace quipu::llama;

StringRef CpuTargetAttr::getDevice() const { return "cpu"; }
std::string CpuTargetAttr::getTargetText() const { return "cpu:" + getRequest().str(); }

StringRef CudaTargetAttr::getDevice() const { return "cuda"; }
std::string CudaTargetAttr::getTargetText() const { return "cuda:" + getArch().str(); }

LogicalResult CudaTargetAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef arch, StringRef ptxArch,
                                     int64_t ptxVersion, int64_t multiprocessors, int64_t sharedBytes,
                                     ArrayRef<CudaFeature>) {
  if (arch.empty() || ptxArch.empty())
    return emitError() << "arch and ptxArch must be names of architectures, found '" << arch << "' and '" << ptxArch
                       << "'";
  for (auto [name, value] : {std::pair("ptxVersion", ptxVersion), std::pair("multiprocessors", multiprocessors),
                             std::pair("sharedBytes", sharedBytes)})
    if (value < 1)
      return emitError() << name << " must be positive, found " << value;
  return success();
}
