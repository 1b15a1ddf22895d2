//===- Select.h - The selection of schedules by target ----------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_SCHEDULE_SELECT_H
#define QUIPU_CODEGEN_SCHEDULE_SELECT_H

#include "codegen/Passes.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cuda/CudaTarget.h"

#include <variant>

namespace quipu::codegen {

using Target = std::variant<cpu::CpuTarget, cuda::CudaTarget>;

/// Parses the text of `--target`.
llvm::Expected<Target> parseTarget(llvm::StringRef text);

/// A target as `--target` names it.
std::string nameOf(const Target &target);

/// Fails where `target` does not know an option that was given, or a schedule with its number could not be run.
llvm::Error checkScheduleOptions(const LlamaSelectSchedulesOptions &options, const Target &target);

class KernelTunings;

/// Fails with a diagnostic where an option asks for what cannot be.
mlir::LogicalResult selectCpuSchedules(mlir::ModuleOp module, const cpu::CpuTarget &target,
                                       const KernelTunings &tunings);

/// Fails with a diagnostic where CUDA kernels cannot do a size of the model.
mlir::LogicalResult selectCudaSchedules(mlir::ModuleOp module, const cuda::CudaTarget &target,
                                        const KernelTunings &tunings);

/// The op of a class in a kernel; null when the kernel has no such op.
template <typename Op> Op find(llama::KernelOp kernel) {
  Op found;
  kernel.walk([&](Op op) { found = op; });
  return found;
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_SCHEDULE_SELECT_H
