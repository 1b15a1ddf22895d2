//===- KernelUses.h - Who launches a kernel ---------------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_KERNELUSES_H
#define QUIPU_CODEGEN_COMMON_KERNELUSES_H

#include "codegen/common/GeneratedKernel.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace quipu::codegen {

struct KernelUse {
  /// The first program that launches it, and the greatest number of rows of all such programs.
  llvm::StringRef program;
  int64_t maxRows = 0;
  /// The kind of rows that it works on: the rows of its results, or of its operands if it has no results.
  RowDim rows = RowDim::Tokens;
};

/// The kernels that a module's programs launch, by name. Fails with a diagnostic if two launches give a kernel
/// different kinds of rows.
mlir::FailureOr<llvm::StringMap<KernelUse>> findKernelUses(mlir::ModuleOp module);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_KERNELUSES_H
