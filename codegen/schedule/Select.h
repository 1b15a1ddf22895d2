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

/// Whether `target` knows every option that was given, and its number makes a schedule that can be run.
llvm::Error checkScheduleOptions(const LlamaSelectSchedulesOptions &options, const Target &target);

void selectCpuSchedules(mlir::ModuleOp module, const cpu::CpuTarget &target, const LlamaSelectSchedulesOptions &tuning);

/// Fails with a diagnostic where a size of the model is none that CUDA kernels can do.
mlir::LogicalResult selectCudaSchedules(mlir::ModuleOp module, const cuda::CudaTarget &target,
                                        const LlamaSelectSchedulesOptions &tuning);

/// The op of a class in a kernel; null when there is none.
template <typename Op> Op find(llama::KernelOp kernel) {
  Op found;
  kernel.walk([&](Op op) { found = op; });
  return found;
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_SCHEDULE_SELECT_H
