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

/// Path of a program of the toolkit, such as "cuobjdump". It is looked for on PATH, then in the toolkit's folder.
std::vector<std::string> findCudaProgram(const std::string &name);

struct CudaAssemblers {
  /// Paths of assemblers, in the order in which they are tried. Empty if there is none, or they are switched off.
  std::vector<std::string> ptxas;
  std::string nvJitLink;
  /// QUIPU_PTXAS is "none".
  bool disabled = false;
  /// The program that QUIPU_PTXAS names, if it cannot be run.
  std::string missing;
};

CudaAssemblers findCudaAssemblers();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CUDATOOLS_H
