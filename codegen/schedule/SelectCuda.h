//===- SelectCuda.h - What schedules for GPUs are chosen by -----*- C++ -*-===//

#ifndef QUIPU_CODEGEN_SCHEDULE_SELECTCUDA_H
#define QUIPU_CODEGEN_SCHEDULE_SELECTCUDA_H

#include "codegen/Passes.h"
#include "codegen/cuda/CudaTarget.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen {

/// A program for a GPU, as far as a schedule depends on it.
struct CudaProgram {
  const cuda::CudaTarget &target;
  /// A number that is not 0 replaces the chosen one.
  const LlamaSelectSchedulesOptions &tuning;
  /// Whether the kernel has numbers of its own there.
  bool isTuned;
  /// Fewest and most rows of a step.
  int64_t minRows;
  int64_t maxRows;
  bool isDecode;
  /// Most sequences of a step, of which each may want logits, as far as the module's decode programs say.
  int64_t maxSequences;
};

/// Gives a kernel with a llama.linear its schedule, and its workspace and `overwrites` where it has them. Fails with a
/// diagnostic where CUDA kernels cannot do a size.
mlir::LogicalResult scheduleCudaLinear(llama::KernelOp kernel, const CudaProgram &program);

/// Gives a kernel of one llama.attention its schedule, and its workspace where it has one. Fails with a diagnostic
/// where CUDA kernels cannot do a size.
mlir::LogicalResult scheduleCudaAttention(llama::KernelOp kernel, llama::AttentionOp attention,
                                          const CudaProgram &program);

/// Whether both operands of products have one type that tensor cores take.
inline bool suitTensorCores(mlir::Type left, mlir::Type right) {
  return left == right && (left.isF16() || left.isBF16());
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_SCHEDULE_SELECTCUDA_H
