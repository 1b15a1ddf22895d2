//===- Cuda.cpp - What of CUDA is on this machine ----------------------------------------===//

#include "runtime/core/Error.h"
#include "runtime/cuda/CudaDriver.h"
#include "runtime/cuda/CudaProperties.h"
#include "tools/common/Console.h"
#include "tools/common/Process.h"
#include "tools/quipu/doctor/Findings.h"

#include <cstdlib>
#include <dlfcn.h>
#include <initializer_list>
#include <link.h>

namespace quipu::tool {

/// The first driver that assembles the PTX of every CUDA plan (8.0, for sm_80).
static constexpr int kOldestDriver = 12000;

/// Which plans a GPU runs. Advice where it runs none.
static Finding findingFor(const CudaProperties &gpu, int driver) {
  Finding finding;
  finding.key = concat("gpu_", gpu.number);
  finding.label = concat("cuda:", gpu.number);
  finding.value = concat(gpu.name, ", capability ", gpu.capabilityText(), ", ", gpu.multiprocessors,
                         " multiprocessors, ", binaryBytes(double(gpu.memoryBytes)));
  bool isTarget = gpu.capability == 80 || gpu.capability == 86 || gpu.capability == 89 || gpu.capability == 90;
  std::string own = concat("cuda:sm_", gpu.capability, gpu.capability == 90 ? "a" : "");
  if (gpu.capability < 80)
    finding.advice = "too old: Quipu's CUDA plans need capability 8.0 (Ampere) or later; compile with --target cpu";
  else if (isTarget)
    finding.value += concat("; best plans: --target ", own);
  else
    finding.value += "; runs every CUDA plan through its PTX for sm_80";
  if (finding.advice.empty() && driver < kOldestDriver)
    finding.advice = concat("update NVIDIA's driver to one for CUDA ", cudaVersionText(kOldestDriver),
                            " or later (525): this one cannot assemble the plans' PTX");
  return finding;
}

/// Where the first of these libraries that loads lies; empty when none does.
static std::string findLibrary(std::initializer_list<const char *> names) {
  for (const char *name : names) {
    void *library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    if (!library)
      continue;
    link_map *map = nullptr;
    std::string path = dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map ? map->l_name : name;
    dlclose(library);
    return path;
  }
  return "";
}

/// As quipu-compile looks for it.
static std::string findPtxas() {
  const char *named = getenv("QUIPU_PTXAS");
  if (named && std::string(named) == "none")
    return "";
  for (std::string program :
       {std::string(named ? named : ""), std::string("ptxas"), std::string("/usr/local/cuda/bin/ptxas")}) {
    if (program.empty())
      continue;
    std::optional<std::string> text = captureProcess({program, "--version"});
    if (!text)
      continue;
    size_t release = text->find("release ");
    size_t end = release == std::string::npos ? release : text->find(',', release);
    return program + (end == std::string::npos ? "" : ", " + text->substr(release, end - release));
  }
  return "";
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
    // A driver that has spoken lacks GPUs.
    if (findings.empty())
      findings.push_back({"cuda_driver", "CUDA driver", "none that works", error.what()});
    else
      findings.push_back({"gpu", "GPUs", "none", error.what()});
  }

  // Parts of the toolkit: nothing fails without them.
  std::string ptxas = findPtxas();
  std::string jitLink = findLibrary({"libnvJitLink.so.13", "libnvJitLink.so.12", "libnvJitLink.so",
                                     "/usr/local/cuda/lib64/libnvJitLink.so", "/usr/local/cuda/lib/libnvJitLink.so"});
  std::string cublas = findLibrary({"libcublas.so.13", "libcublas.so.12", "/usr/local/cuda/lib64/libcublas.so.13",
                                    "/usr/local/cuda/lib64/libcublas.so.12", "/usr/local/cuda/lib64/libcublas.so"});
  findings.push_back(
      {"ptxas", "ptxas", ptxas.empty() ? "none" : ptxas,
       ptxas.empty() && jitLink.empty()
           ? "only for compiling for CUDA: plans then hold PTX alone, which the driver assembles when they "
             "are loaded; put ptxas on the PATH, or name it in QUIPU_PTXAS"
           : ""});
  findings.push_back({"nvjitlink", "nvJitLink", jitLink.empty() ? "none" : jitLink, ""});
  findings.push_back({"cublas", "cuBLAS", cublas.empty() ? "none" : cublas,
                      cublas.empty() && hasGpu
                          ? "only for `quipu bench`: its ceiling for arithmetic is then not measured; install CUDA's "
                            "libraries, or name their folder in LD_LIBRARY_PATH"
                          : ""});
  return findings;
}

} // namespace quipu::tool
