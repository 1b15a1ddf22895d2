//===- CudaTools.cpp - What of NVIDIA's toolkit is here ----------------------------------===//

#include "tools/quipu/CudaTools.h"
#include "runtime/support/CudaToolkit.h"
#include "tools/common/Libraries.h"
#include "tools/common/Process.h"

#include <cstdlib>
#include <iterator>

namespace quipu::tool {

std::vector<std::string> findCudaProgram(const std::string &name) {
  std::vector<std::string> found;
  for (const std::string &file : {findProgram(name), findProgram(std::string(kCudaProgramFolder) + "/" + name)})
    if (!file.empty() && (found.empty() || found.front() != file))
      found.push_back(file);
  return found;
}

CudaAssemblers findCudaAssemblers() {
  CudaAssemblers found;
  if (const char *named = getenv(kPtxasVariable)) {
    found.disabled = std::string(named) == "none";
    if (found.disabled)
      return found;
    if (std::string file = findProgram(named); file.empty())
      found.missing = named;
    else
      found.ptxas = {file};
    return found;
  }
  found.ptxas = findCudaProgram("ptxas");
  found.nvJitLink = findLibrary({std::begin(kNvJitLinkPlaces), std::end(kNvJitLinkPlaces)});
  return found;
}

} // namespace quipu::tool
