//===- CudaGraphs.h - Steps recorded as graphs ------------------------------*- C++ -*-===//
//
// A decode step is many short kernels: launched one by one they would wait for the host. A step that comes a second
// time is recorded as a graph, which costs one call from then on. The graphs used last are kept.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CUDA_CUDAGRAPHS_H
#define QUIPU_RUNTIME_CUDA_CUDAGRAPHS_H

#include "runtime/cuda/CudaDriver.h"

#include <cstdint>
#include <functional>
#include <list>

namespace quipu {

class CudaProgram;

/// What makes one recording different from another.
struct CudaStepKey {
  const CudaProgram *program;
  int64_t tokens;
  int64_t outputs;
  bool choice;
  /// The choice is a draw.
  bool draw = false;

  bool operator==(const CudaStepKey &) const = default;
};

class CudaGraphs {
public:
  /// Graphs that are kept: decode programs of a server meet about as many batch sizes.
  static constexpr size_t kMost = 64;

  CudaGraphs();
  ~CudaGraphs();
  CudaGraphs(const CudaGraphs &) = delete;
  CudaGraphs &operator=(const CudaGraphs &) = delete;

  /// Puts the step on `stream`: as a graph, or by launch(stream) when it comes for the first time.
  void run(const CudaStepKey &key, cuda::Stream stream, const std::function<void(cuda::Stream)> &launch);

  void forget(const CudaProgram *program);

  /// Graphs recorded now.
  size_t size() const;

private:
  struct Step {
    CudaStepKey key;
    /// Null after the first time.
    cuda::GraphExec graph;
  };

  cuda::GraphExec record(cuda::Stream stream, const std::function<void(cuda::Stream)> &launch);
  void drop(std::list<Step>::iterator step);

  /// Apart from the stream that work runs on, so that nothing else gets into a recording.
  cuda::Stream recorder = nullptr;
  /// The last used first.
  std::list<Step> steps;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDAGRAPHS_H
