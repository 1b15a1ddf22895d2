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

/// What a recording depends on. Another value needs another recording.
struct CudaStepKey {
  const CudaProgram *program;
  int64_t tokens;
  int64_t outputs;
  int64_t loneRows;
  bool choice;
  /// Whether the choice draws tokens.
  bool draw = false;
  /// Whether it gives scores of tokens.
  bool score = false;
  /// Whether the device takes the step's inputs from the host's memory.
  bool feeds = false;

  bool operator==(const CudaStepKey &) const = default;
};

class CudaGraphs {
public:
  /// Graphs that are kept. The decode programs of a server have about as many batch sizes.
  static constexpr size_t kMost = 64;

  CudaGraphs();
  ~CudaGraphs();
  CudaGraphs(const CudaGraphs &) = delete;
  CudaGraphs &operator=(const CudaGraphs &) = delete;

  /// Enqueues the step on `stream`: as a graph, or by launch(stream) if it comes for the first time.
  void run(const CudaStepKey &key, cuda::Stream stream, const std::function<void(cuda::Stream)> &launch);

  /// The graph of what launch() enqueues, ready to be launched on `stream`. The caller destroys it.
  cuda::GraphExec record(cuda::Stream stream, const std::function<void(cuda::Stream)> &launch);

  void forget(const CudaProgram *program);

  /// Number of graphs that are kept now.
  size_t size() const;

private:
  struct Step {
    CudaStepKey key;
    /// Null until the step comes for the second time.
    cuda::GraphExec graph;
  };

  void drop(std::list<Step>::iterator step);

  /// Stream for recording. It is not the stream that work runs on, so nothing else gets into a recording.
  cuda::Stream recorder = nullptr;
  /// Sorted by use: the last used comes first.
  std::list<Step> steps;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDAGRAPHS_H
