//===- CudaTarget.cpp - Which NVIDIA GPU a plan is compiled for ------------===//

#include "codegen/cuda/CudaTarget.h"

#include "codegen/common/ModuleTarget.h"
#include "runtime/abi/CudaLimits.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

namespace {
struct Gpu {
  StringLiteral arch, ptxArch;
  int ptxVersion, multiprocessors, sharedKib;
  ArrayRef<CudaFeature> features;
};
} // namespace

static constexpr CudaFeature kHopperFeatures[] = {CudaFeature::Wgmma, CudaFeature::BulkCopies,
                                                  CudaFeature::TensorCopies, CudaFeature::DependentLaunch,
                                                  CudaFeature::Clusters};

/// The GPUs that can be compiled for. Schedules of GPUs without features are chosen for the chip of an A100.
static constexpr int kA100Multiprocessors = 108, kLeastSharedKib = CudaTarget::kLeastSharedBytes / 1024;
static const Gpu kGpus[] = {{"sm_80", "sm_80", 80, kA100Multiprocessors, 163, {}},
                            {"sm_86", "sm_80", 80, kA100Multiprocessors, kLeastSharedKib, {}},
                            {"sm_89", "sm_80", 80, kA100Multiprocessors, kLeastSharedKib, {}},
                            {"sm_90a", "sm_90a", 86, 132, kMaxSharedBytes / 1024, kHopperFeatures}};
static constexpr llvm::StringLiteral kDefaultArch = "sm_90a";

CudaTarget::CudaTarget(CudaTargetAttr attribute)
    : arch(attribute.getArch()), ptxFor(attribute.getPtxArch()), version(attribute.getPtxVersion()),
      multiprocessorCount(attribute.getMultiprocessors()), sharedByteCount(attribute.getSharedBytes()),
      features(attribute.getFeatures()) {}

std::optional<CudaTarget> CudaTarget::find(StringRef arch) {
  const Gpu *gpu = llvm::find_if(kGpus, [&](const Gpu &candidate) { return candidate.arch == arch; });
  if (gpu == std::end(kGpus))
    return std::nullopt;
  CudaTarget target;
  target.arch = gpu->arch.str();
  target.ptxFor = gpu->ptxArch.str();
  target.version = gpu->ptxVersion;
  target.multiprocessorCount = gpu->multiprocessors;
  target.sharedByteCount = gpu->sharedKib * 1024;
  target.features.assign(gpu->features.begin(), gpu->features.end());
  return target;
}

CudaTargetAttr CudaTarget::attribute(MLIRContext *context) const {
  return CudaTargetAttr::get(context, arch, ptxFor, version, multiprocessorCount, sharedByteCount, features);
}

bool isCudaTarget(StringRef text) { return text == "cuda" || text.starts_with("cuda:"); }

llvm::Expected<CudaTarget> parseCudaTarget(StringRef text) {
  std::string supported;
  for (const Gpu &gpu : kGpus)
    supported += (supported.empty() ? "cuda:" : ", cuda:") + gpu.arch.str();
  StringRef arch = text;
  if (text == "cuda")
    arch = kDefaultArch;
  else if (!arch.consume_front("cuda:"))
    return llvm::createStringError("--target '" + text + "' is not a CUDA target; supported: " + supported);
  if (std::optional<CudaTarget> target = CudaTarget::find(arch))
    return *target;
  return llvm::createStringError("--target '" + text + "': unknown architecture '" + arch +
                                 "'; supported: " + supported);
}

FailureOr<CudaTarget> cudaTargetOf(ModuleOp module, StringRef text) {
  return targetOf<CudaTarget, CudaTargetAttr>(module, text, "cuda", parseCudaTarget);
}

} // namespace quipu::codegen::cuda
