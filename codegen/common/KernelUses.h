//===- KernelUses.h - Who launches a kernel ---------------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_KERNELUSES_H
#define QUIPU_CODEGEN_COMMON_KERNELUSES_H

#include "codegen/common/GeneratedKernel.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace quipu::codegen {

struct KernelUse {
  /// The first program that launches it, and the bound on the rows of all.
  llvm::StringRef program;
  int64_t maxRows = 0;
  /// Which rows it works on: those of its results, or of all its operands where it has none.
  RowDim rows = RowDim::Tokens;
};

/// The kernels that a module's programs launch, by name. Fails with a diagnostic where two launches give a kernel
/// rows of two kinds.
mlir::FailureOr<llvm::StringMap<KernelUse>> findKernelUses(mlir::ModuleOp module);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_KERNELUSES_H
