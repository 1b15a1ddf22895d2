//===- CudaAssembler.cpp - What of NVIDIA's assemblers is here ---------------------------===//

#include "tools/quipu/CudaAssembler.h"
#include "tools/common/Libraries.h"

#include <cstdlib>
#include <sstream>
#include <unistd.h>

namespace quipu::tool {

/// The file that the name stands for, as a shell finds it; empty when there is none that can be run.
static std::string findProgram(const std::string &name) {
  auto runs = [](const std::string &path) { return access(path.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string::npos)
    return runs(name) ? name : "";
  const char *path = getenv("PATH");
  std::istringstream folders(path ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (std::string file = (folder.empty() ? "." : folder) + "/" + name; runs(file))
      return file;
  return "";
}

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
