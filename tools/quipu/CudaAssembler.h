//===- CudaAssembler.h - What of NVIDIA's assemblers is here -----------------*- C++ -*-===//
//
// quipu-compile starts ptxas or loads libnvJitLink (codegen/cuda/Assembler.cpp). The same search, for what has to know
// its outcome: the cache of compiled models and doctor.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_CUDAASSEMBLER_H
#define QUIPU_TOOLS_QUIPU_CUDAASSEMBLER_H

#include <string>

namespace quipu::tool {

struct CudaAssemblers {
  /// Paths; empty when there is none or it is not used.
  std::string ptxas, nvJitLink;
  /// QUIPU_PTXAS is "none".
  bool disabled = false;
  /// What QUIPU_PTXAS names and cannot be run.
  std::string missing;
};

CudaAssemblers findCudaAssemblers();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CUDAASSEMBLER_H
