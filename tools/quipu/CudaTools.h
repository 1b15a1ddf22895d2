//===- CudaTools.h - What of NVIDIA's toolkit is here ------------------------*- C++ -*-===//
//
// quipu-compile starts ptxas or loads libnvJitLink (codegen/cuda/toolchain/Assembler.cpp). The same search, for what
// has to know what it finds: the cache of compiled models and doctor.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_CUDATOOLS_H
#define QUIPU_TOOLS_QUIPU_CUDATOOLS_H

#include <string>
#include <vector>

namespace quipu::tool {

/// A program of the toolkit, "cuobjdump", wherever there is one: on the PATH, then in the toolkit's own folder.
std::vector<std::string> findCudaProgram(const std::string &name);

struct CudaAssemblers {
  /// Paths, in the order in which they are tried; empty when there is none or they are not used.
  std::vector<std::string> ptxas;
  std::string nvJitLink;
  /// QUIPU_PTXAS is "none".
  bool disabled = false;
  /// What QUIPU_PTXAS names and cannot be run.
  std::string missing;
};

CudaAssemblers findCudaAssemblers();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CUDATOOLS_H
