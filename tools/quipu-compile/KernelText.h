//===- KernelText.h - A kernel and its code, as text ------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_KERNELTEXT_H
#define QUIPU_TOOLS_QUIPU_COMPILE_KERNELTEXT_H

#include "ir/Llama/Llama.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace quipu::tool {

/// A location without its origins: its place in the model, if it has one.
mlir::Location placeForUser(mlir::Location loc);

/// A kernel of a module behind code generation as it was scheduled, and below a line "// -----" the functions that were
/// made of it. Locations are places.
std::string kernelText(llama::KernelOp kernel, mlir::ModuleOp module);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_KERNELTEXT_H
