//===- ScheduleFamilies.h - Which kernels a schedule is for -----*- C++ -*-===//

#ifndef QUIPU_IR_LLAMA_SCHEDULEFAMILIES_H
#define QUIPU_IR_LLAMA_SCHEDULEFAMILIES_H

#include "mlir/IR/Operation.h"

namespace quipu::llama {

/// Fail with a diagnostic if `kernel`, a llama.kernel with a schedule, does not belong to the family.
mlir::LogicalResult verifyLinearKernel(mlir::Operation *kernel);
mlir::LogicalResult verifyAttentionKernel(mlir::Operation *kernel);
mlir::LogicalResult verifySingleOpKernel(mlir::Operation *kernel);

} // namespace quipu::llama

#endif // QUIPU_IR_LLAMA_SCHEDULEFAMILIES_H
