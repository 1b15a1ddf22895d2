//===- CudaModule.h - GPU code of a plan ------------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CUDA_CUDAMODULE_H
#define QUIPU_RUNTIME_CUDA_CUDAMODULE_H

#include "runtime/core/Device.h"
#include "runtime/cuda/CudaDriver.h"

#include <string>

namespace quipu {

/// A cubin, or PTX that the driver assembles, loaded into the current context.
class CudaModule : public CodeModule {
public:
  /// Throws Error with the driver's log if the driver refuses the code.
  CudaModule(const plan::CodeModule &code, const std::string &planName);
  ~CudaModule() override;

  /// The result is a cuda::Function.
  const void *lookup(const char *symbol) const override;

private:
  const cuda::Driver &driver;
  cuda::Module handle = nullptr;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDAMODULE_H
