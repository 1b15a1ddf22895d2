//===- Registration.h - What the tools for modules know ---------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_OPT_REGISTRATION_H
#define QUIPU_TOOLS_QUIPU_OPT_REGISTRATION_H

#include "mlir/IR/DialectRegistry.h"

namespace quipu::tool {

/// The llama dialect, and all of upstream MLIR.
void registerDialects(mlir::DialectRegistry &registry);

/// The passes and pipelines of Quipu, and all of upstream MLIR.
void registerPasses();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_OPT_REGISTRATION_H
