//===- Handover.h - Where a kernel meets those around it --------*- C++ -*-===//
//
// A kernel may begin before the kernel in front of it has finished: what does not depend on that one, such as weights,
// it can request at once. Before it touches anything else it waits. How it waits is not the kernel's business, so its
// body asks a Handover. Today there is one, dependent launch. Bodies that run in one kernel, one after the other, would
// wait for a counter or at a barrier of the whole grid instead.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_HANDOVER_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_HANDOVER_H

#include "codegen/cuda/vocabulary/CudaBuilder.h"

namespace quipu::codegen::cuda {

class Handover {
public:
  virtual ~Handover() = default;

  /// Until the kernel in front has finished and what it wrote can be read. Every thread that reads or writes what other
  /// kernels write or read comes by.
  virtual void waitForPrevious(CudaBuilder &b) const = 0;
  /// The kernel behind may begin with what does not depend on this one.
  virtual void letNextStart(CudaBuilder &b) const = 0;
};

/// Programmatic dependent launch: the hardware starts a kernel early and knows when the one in front has finished. GPUs
/// without it start a kernel when the one in front has finished, so there is nothing to do.
class DependentLaunch final : public Handover {
public:
  void waitForPrevious(CudaBuilder &b) const override;
  void letNextStart(CudaBuilder &b) const override;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_HANDOVER_H
