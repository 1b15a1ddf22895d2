//===- CudaServices.h - Kernels that belong to no program -------------------*- C++ -*-===//
//
// Every variant's code has them; CudaAbi.h says what they do.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CUDA_CUDASERVICES_H
#define QUIPU_RUNTIME_CUDA_CUDASERVICES_H

#include "runtime/core/Device.h"
#include "runtime/cuda/CudaDriver.h"

#include <array>

namespace quipu {

/// Launches a kernel with x by y blocks. `dependent`: the kernel may start before the kernel in front has finished; its
/// code waits where it must.
void launchCuda(const cuda::Driver &driver, cuda::Stream stream, cuda::Function function, uint32_t x, uint32_t y,
                uint32_t threads, uint32_t sharedBytes, void **parameters, bool dependent);

class CudaServices {
public:
  /// Finds the service kernels in a module.
  void find(const CodeModule &module);

  /// False if there is no kernel for this type.
  bool fillRandom(cuda::Stream stream, const RandomFill &fill, uint32_t multiprocessors) const;

  bool choosesTokens() const { return argmax && advance && feedKernel; }
  bool drawsTokens() const { return sample && advance; }
  bool scoresTokens() const { return score && drawsTokens(); }
  /// Chooses a token for each output row. `dependent` as in launchCuda.
  void choose(cuda::Stream stream, const TokenChoice &choice, int32_t outputs, uint32_t multiprocessors,
              bool dependent) const;

  /// Takes the inputs of a step with these sizes from the host's memory.
  void feed(cuda::Stream stream, const TokenChoice &choice, const int64_t *dims) const;

private:
  const cuda::Driver &driver = cuda::Driver::get();
  /// Kernels that fill random values, by plan::DType.
  std::array<cuda::Function, 3> fills = {};
  static_assert(plan::DType::MAX == plan::DType::i32 && size_t(plan::DType::i32) == 3,
                "emitServices makes a fill for each type of floats, which come first");
  cuda::Function argmax = nullptr;
  cuda::Function sample = nullptr;
  cuda::Function score = nullptr;
  cuda::Function advance = nullptr;
  cuda::Function feedKernel = nullptr;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDASERVICES_H
