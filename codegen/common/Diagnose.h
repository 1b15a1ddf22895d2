//===- Diagnose.h - LLVM's errors as diagnostics ----------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_DIAGNOSE_H
#define QUIPU_CODEGEN_COMMON_DIAGNOSE_H

#include "mlir/IR/Operation.h"
#include "llvm/Support/Error.h"

namespace quipu::codegen {

/// The value; or failure, and a diagnostic on `op` with the error's message.
template <typename T> mlir::FailureOr<T> valueOrDiagnose(llvm::Expected<T> value, mlir::Operation *op) {
  if (value)
    return std::move(*value);
  return op->emitError() << llvm::toString(value.takeError());
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_DIAGNOSE_H
