//===- Cuda.cpp - What of CUDA is on this machine ----------------------------------------===//

#include "runtime/cuda/CudaDriver.h"
#include "runtime/cuda/CudaProperties.h"
#include "runtime/support/CudaToolkit.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/common/Libraries.h"
#include "tools/common/Process.h"
#include "tools/quipu/CudaTools.h"
#include "tools/quipu/doctor/Findings.h"

namespace quipu::tool {

/// The first driver version that assembles the PTX of every CUDA plan (PTX 8.0, for sm_80).
static constexpr int kOldestDriver = 12000;

/// Says which plans a GPU runs. Gives advice if it runs none.
static Finding findingFor(const CudaProperties &gpu, int driver) {
  Finding finding;
  finding.key = concat("gpu_", gpu.number);
  finding.label = concat("cuda:", gpu.number);
  finding.value = concat(gpu.name, ", capability ", gpu.capabilityText(), ", ", gpu.multiprocessors,
                         " multiprocessors, ", binaryBytes(double(gpu.memoryBytes)));
  if (gpu.bestTarget().empty())
    finding.advice = "too old: Quipu's CUDA plans need capability 8.0 (Ampere) or later; compile with --target cpu";
  else if (gpu.hasOwnTarget())
    finding.value += concat("; best plans: --target ", gpu.bestTarget());
  else
    finding.value += "; runs every CUDA plan through its PTX for sm_80";
  if (finding.advice.empty() && driver < kOldestDriver)
    finding.advice = concat("update NVIDIA's driver to one for CUDA ", cudaVersionText(kOldestDriver),
                            " or later (525): this one cannot assemble the plans' PTX");
  return finding;
}

/// The release of the ptxas at a path. Empty if it cannot be run.
static std::string releaseOf(const std::string &ptxas) {
  std::optional<std::string> text = captureProcess({ptxas, "--version"});
  size_t release = text ? text->find("release ") : std::string::npos;
  size_t end = release == std::string::npos ? release : text->find(',', release);
  return end == std::string::npos ? "" : text->substr(release, end - release);
}

/// Looks for assemblers. Quipu works without them too.
static void examineAssemblers(std::vector<Finding> &findings) {
  CudaAssemblers found = findCudaAssemblers();
  Finding ptxas = {"ptxas", "ptxas", found.ptxas.empty() ? "none" : found.ptxas.front(), ""};
  if (!found.missing.empty())
    ptxas.advice = concat("QUIPU_PTXAS names '", found.missing,
                          "', which cannot be run, so compiling for CUDA fails; set it to a ptxas, or to none for PTX "
                          "alone");
  else if (found.disabled)
    ptxas.advice = "QUIPU_PTXAS is none: CUDA plans hold PTX alone, which the driver assembles when they are loaded; "
                   "unset it for machine code";
  else if (found.ptxas.empty() && found.nvJitLink.empty())
    ptxas.advice = "only for compiling for CUDA: plans then hold PTX alone, which the driver assembles when they "
                   "are loaded; put ptxas on the PATH, or name it in QUIPU_PTXAS";
  if (!found.ptxas.empty())
    if (std::string release = releaseOf(found.ptxas.front()); !release.empty())
      ptxas.value += ", " + release;
  findings.push_back(ptxas);
  findings.push_back({"nvjitlink", "nvJitLink", found.nvJitLink.empty() ? "none" : found.nvJitLink, ""});
}

std::vector<Finding> examineCuda() {
  std::vector<Finding> findings;
  bool hasGpu = false;
  try {
    int version = cuda::Driver::get().version();
    std::string text = cudaDriverText(), supported = "for CUDA " + cudaVersionText(version);
    if (text.find(supported) == std::string::npos)
      text += ", " + supported;
    findings.push_back({"cuda_driver", "CUDA driver", text, ""});
    for (const CudaProperties &gpu : cudaDevices()) {
      findings.push_back(findingFor(gpu, version));
      hasGpu = true;
    }
  } catch (const Error &error) {
    // The driver works, but there is no GPU.
    if (findings.empty())
      findings.push_back({"cuda_driver", "CUDA driver", "none that works", error.what()});
    else
      findings.push_back({"gpu", "GPUs", "none", error.what()});
  }

  examineAssemblers(findings);
  std::string cublas = findLibrary(cublasPlaces());
  findings.push_back({"cublas", "cuBLAS", cublas.empty() ? "none" : cublas,
                      cublas.empty() && hasGpu
                          ? "only for `quipu bench`: its ceiling for arithmetic is then not measured; install CUDA's "
                            "libraries, or name the toolkit in CUDA_HOME"
                          : ""});
  return findings;
}

} // namespace quipu::tool
