//===- CudaProgram.h - A list of launches with their parameters -------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CUDA_CUDAPROGRAM_H
#define QUIPU_RUNTIME_CUDA_CUDAPROGRAM_H

#include "runtime/core/Device.h"
#include "runtime/cuda/CudaDriver.h"
#include "runtime/cuda/CudaProperties.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace quipu {

/// What the launches of a list need, computed once: parameters, tensor maps, and the number of blocks that run at once
/// for persistent entries.
class CudaProgram : public PreparedList {
public:
  /// The arrays of `list` must not move. The destructor calls `forget`: recordings of the program are no longer valid
  /// then.
  CudaProgram(const LaunchList &list, const CudaProperties &gpu, std::function<void(const CudaProgram *)> forget);
  ~CudaProgram() override { forget(this); }
  CudaProgram(const CudaProgram &) = delete;
  CudaProgram &operator=(const CudaProgram &) = delete;

  size_t size() const { return entries.size(); }

  /// Sets the parameters tokens, outputs and table stride of the launches that follow.
  void setDims(const int64_t *values);

  bool isCopy(size_t index) const { return entries[index].launch->isCopy(); }

  /// Enqueues launch (or copy) number `index`. False if it has no blocks; then it does nothing. `dependent` as in
  /// launchCuda.
  bool launch(size_t index, cuda::Stream stream, bool dependent);

private:
  struct Entry {
    const Launch *launch;
    cuda::Function function;
    uint32_t threads;
    uint32_t sharedBytes;
    /// For a persistent entry the number of blocks that run at once. 0 for other entries.
    uint64_t resident;
    /// Index of its first parameter.
    size_t parameters;
  };

  const cuda::Driver &driver = cuda::Driver::get();
  std::vector<Entry> entries;
  std::span<const std::string> places;
  std::vector<void *> parameters;
  std::vector<cuda::TensorMap> maps;
  /// The kNumDims dimensions, in the type that kernels take.
  int64_t wideDims[kNumDims] = {};
  int32_t dims[kNumDims] = {};
  std::function<void(const CudaProgram *)> forget;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDAPROGRAM_H
