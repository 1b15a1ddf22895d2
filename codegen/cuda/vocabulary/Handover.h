//===- Handover.h - Where a body meets those around it ----------*- C++ -*-===//
//
// A body may begin before the one in front of it has finished: what does not depend on that one, such as weights, it
// can request at once. Before it touches anything else it waits. How it waits, and what it leaves behind for the next
// one, is not the body's business, so it asks a Handover. The compiler gives each body a kernel of its own, so here is
// one Handover, dependent launch. A kernel that holds several bodies has another one, a barrier of the whole grid
// (test/codegen/BodySequence.h).
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_HANDOVER_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_HANDOVER_H

#include "codegen/cuda/vocabulary/CudaBuilder.h"

namespace quipu::codegen::cuda {

class Barriers;

class Handover {
public:
  virtual ~Handover() = default;

  /// Until the body in front has finished everywhere and what it wrote can be read. Every thread that reads or writes
  /// what other bodies write or read comes by; no thread may count on others to come.
  virtual void waitForPrevious(CudaBuilder &b) const = 0;
  /// The body behind may begin with what does not depend on this one.
  virtual void letNextStart(CudaBuilder &b) const = 0;
  /// The thread has nothing more to do where `condition` (i1) holds. It may leave, and make room for other blocks, but
  /// the code behind must be right also where it stays. Before any barrier, all threads of a block or none.
  virtual void leaveIf(CudaBuilder &b, mlir::Value condition) const = 0;
  /// The body has used these barriers for the last time: their shared memory may serve others. At the end of a body, by
  /// all threads of the block.
  virtual void retire(CudaBuilder &b, llvm::ArrayRef<Barriers> barriers) const = 0;
};

/// Programmatic dependent launch: the hardware starts a kernel early and knows when the one in front has finished. GPUs
/// without it start a kernel when the one in front has finished, so there is nothing to wait for. The kernel ends with
/// its body.
class DependentLaunch final : public Handover {
public:
  void waitForPrevious(CudaBuilder &b) const override;
  void letNextStart(CudaBuilder &b) const override;
  void leaveIf(CudaBuilder &b, mlir::Value condition) const override { b.endThreadIf(condition); }
  void retire(CudaBuilder &, llvm::ArrayRef<Barriers>) const override {}
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_HANDOVER_H
