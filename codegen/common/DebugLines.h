//===- DebugLines.h - From instructions to the lines of a module -*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_DEBUGLINES_H
#define QUIPU_CODEGEN_COMMON_DEBUGLINES_H

#include "mlir/IR/BuiltinOps.h"

namespace quipu::codegen {

/// What a back end writes of lines: DWARF, or the directives of PTX.
enum class DebugForm { Dwarf, Directives };

/// Gives lowered code debug information. The line of an op is the one that the op which it was emitted for has in the
/// text of the planned module (sourceLineOf). Functions of which no op has a line get none, as those of services. It
/// changes no instruction.
mlir::LogicalResult addDebugLines(mlir::ModuleOp code, DebugForm form);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_DEBUGLINES_H
