//===- CudaProgram.h - A list of launches with their parameters -------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CUDA_CUDAPROGRAM_H
#define QUIPU_RUNTIME_CUDA_CUDAPROGRAM_H

#include "runtime/core/Device.h"
#include "runtime/cuda/CudaDriver.h"
#include "runtime/cuda/CudaProperties.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace quipu {

/// Everything that launching takes, worked out once: parameters, tensor maps, and how many blocks of a persistent entry
/// run at once.
class CudaProgram : public PreparedList {
public:
  /// `list` must stay where its arrays are. `forget` is called at the end (recordings of the program are of no use
  /// then).
  CudaProgram(const LaunchList &list, const CudaProperties &gpu, std::function<void(const CudaProgram *)> forget);
  ~CudaProgram() override { forget(this); }
  CudaProgram(const CudaProgram &) = delete;
  CudaProgram &operator=(const CudaProgram &) = delete;

  size_t size() const { return entries.size(); }

  /// The values of the parameters tokens, outputs and table stride of the launches that follow.
  void setDims(const int64_t *values);

  bool isCopy(size_t index) const { return entries[index].launch->isCopy(); }

  /// Launches entry `index`, or copies; false, with nothing done, when it has no blocks. `dependent` as in launchCuda.
  bool launch(size_t index, cuda::Stream stream, bool dependent);

private:
  struct Entry {
    const Launch *launch;
    cuda::Function function;
    uint32_t threads;
    uint32_t sharedBytes;
    /// Blocks that run at once for a persistent entry, 0 for others.
    uint64_t resident;
    /// First of its parameters.
    size_t parameters;
  };

  std::vector<Entry> entries;
  std::vector<void *> parameters;
  std::vector<cuda::TensorMap> maps;
  /// kNumDims of them, as the kernels take them.
  int64_t wideDims[kNumDims] = {};
  int32_t dims[kNumDims] = {};
  std::function<void(const CudaProgram *)> forget;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDAPROGRAM_H
