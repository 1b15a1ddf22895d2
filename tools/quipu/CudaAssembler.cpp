//===- CudaAssembler.cpp - What of NVIDIA's assemblers is here ---------------------------===//

#include "tools/quipu/CudaAssembler.h"
#include "tools/common/Libraries.h"
#include "tools/common/Process.h"

#include <cstdlib>

namespace quipu::tool {

CudaAssemblers findCudaAssemblers() {
  CudaAssemblers found;
  if (const char *named = getenv("QUIPU_PTXAS")) {
    found.disabled = std::string(named) == "none";
    if (found.disabled)
      return found;
    found.ptxas = findProgram(named);
    if (found.ptxas.empty())
      found.missing = named;
    return found;
  }
  found.ptxas = findProgram("ptxas");
  if (found.ptxas.empty())
    found.ptxas = findProgram("/usr/local/cuda/bin/ptxas");
  found.nvJitLink = findLibrary({"libnvJitLink.so.13", "libnvJitLink.so.12", "libnvJitLink.so",
                                 "/usr/local/cuda/lib64/libnvJitLink.so", "/usr/local/cuda/lib/libnvJitLink.so"});
  return found;
}

} // namespace quipu::tool
