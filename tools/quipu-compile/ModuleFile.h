//===- ModuleFile.h - A module that was printed after a phase ---*- C++ -*-===//
//
// What `quipu compile FILE.mlir` continues from: what --emit mlir, --dump-phases or inspect --phase printed, perhaps
// edited. A module does not say after which phase it was printed. What it has tells as much as matters: phases between
// which nothing of this kind changes leave a module as it is when they run once more.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_MODULEFILE_H
#define QUIPU_TOOLS_QUIPU_COMPILE_MODULEFILE_H

#include "frontends/common/Model.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace quipu::tool {

/// Reads and verifies a module. Throws Error; diagnostics, which name file and line, have then been printed.
mlir::OwningOpRef<mlir::ModuleOp> readModule(mlir::MLIRContext &context, const std::string &path);

/// The phase after which a module stands. `asked` is what --from names; if it is empty, the first phase of those which
/// it may be. Throws Error if the module cannot be that of `asked`, or of any phase. `path` is for messages.
std::string phaseOf(mlir::ModuleOp module, const std::string &path, const std::string &asked);

/// The types that a module computes in and caches.
struct ModuleTypes {
  frontend::DType compute, cache;
};
ModuleTypes typesOf(mlir::ModuleOp module, const std::string &path);

/// The target that a module was scheduled for: "cpu:x86-64-v4". Empty if it was not.
std::string targetOf(mlir::ModuleOp module);

/// Throws Error if programs or schedules of a module are not those of `target`, which a module of `phase` must have.
/// `isOwn`: the text is what targetOf gave.
void checkTarget(mlir::ModuleOp module, const std::string &path, const std::string &phase, const std::string &target,
                 bool isOwn);

/// Throws Error if a module cannot be one of a model with this config.
void checkConfig(mlir::ModuleOp module, const std::string &path, const frontend::Model &model,
                 const std::string &modelPath);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_MODULEFILE_H
