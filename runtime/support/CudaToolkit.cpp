//===- CudaToolkit.cpp - Where parts of NVIDIA's toolkit lie -----------------------------===//

#include "runtime/support/CudaToolkit.h"

#include <cstdlib>

namespace quipu {

std::vector<std::string> cublasPlaces() {
  std::vector<std::string> places = {"libcublas.so.13", "libcublas.so.12"};
  auto add = [&](const char *folder) { places.push_back(std::string(folder) + "/lib64/libcublas.so"); };
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char *folder = getenv(variable))
      add(folder);
  add("/usr/local/cuda");
  return places;
}

} // namespace quipu
