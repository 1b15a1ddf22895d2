//===- KernelTunings.h - Numbers that single kernels are tuned to -*- C++ -*-===//
//
//   tuned=decode.qkv:few-run=4:prefetch=1024,prefill.qkv:run=2
//
// An option of llama-select-schedules holds for all kernels that know it; a number of `tuned`, for one kernel.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_SCHEDULE_KERNELTUNINGS_H
#define QUIPU_CODEGEN_SCHEDULE_KERNELTUNINGS_H

#include "codegen/schedule/Select.h"
#include "llvm/ADT/StringMap.h"

namespace quipu::codegen {

class KernelTunings {
public:
  /// Fails where a text of `common.tuned` is no kernel with numbers, or the target does not know one of them.
  static llvm::Expected<KernelTunings> parse(const LlamaSelectSchedulesOptions &common, const Target &target);

  const LlamaSelectSchedulesOptions &ofAll() const { return common; }
  /// The options of a kernel: those of all, with its own numbers.
  const LlamaSelectSchedulesOptions &of(llama::KernelOp kernel) const;
  bool isTuned(llama::KernelOp kernel) const { return kernels.contains(kernel.getSymName()); }

  /// Fails with a diagnostic where a tuned kernel is not in a scheduled module, or its schedule does not have a number.
  mlir::LogicalResult check(mlir::ModuleOp module) const;

private:
  struct Kernel {
    LlamaSelectSchedulesOptions options;
    llvm::SmallVector<std::string> names;
  };

  LlamaSelectSchedulesOptions common;
  llvm::StringMap<Kernel> kernels;
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_SCHEDULE_KERNELTUNINGS_H
