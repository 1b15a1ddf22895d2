//===- SelectCpu.h - What schedules for CPUs are chosen by ------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_SCHEDULE_SELECTCPU_H
#define QUIPU_CODEGEN_SCHEDULE_SELECTCPU_H

#include "codegen/Passes.h"
#include "codegen/cpu/CpuTarget.h"
#include "ir/Llama/Llama.h"
#include "llvm/ADT/StringSet.h"

namespace quipu::codegen {

/// A program for a CPU, and the options for a kernel of it, as far as a schedule depends on them.
struct CpuProgram {
  const cpu::CpuTarget &target;
  /// A number that is not 0 (of `prefetch`: not -1) replaces the chosen one.
  const LlamaSelectSchedulesOptions &tuning;
  /// These numbers are the kernel's own.
  bool isTuned;
  /// Activations of tokens lie in the lanes of vectors.
  bool tokenLanes;
  /// Pairs of bf16 are packed.
  bool packed;
  /// Pairs of bf16 may be multiplied.
  bool hasPairs;
  /// Kernels over few rows add products in the order of the inputs.
  bool inOrder;
};

/// Names of the weights whose rows are to lie interleaved, as many as the target has lanes (#llama.row_parts): those
/// that products of integers alone read.
llvm::StringSet<> chooseInterleavedWeights(mlir::ModuleOp module, const cpu::CpuTarget &target,
                                           const LlamaSelectSchedulesOptions &tuning);

/// Gives a kernel with a llama.linear its schedule, and its workspace where it has one.
void scheduleCpuLinear(llama::KernelOp kernel, llama::LinearOp linear, const CpuProgram &program);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_SCHEDULE_SELECTCPU_H
