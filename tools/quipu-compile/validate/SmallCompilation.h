//===- SmallCompilation.h - A small model on its way to code ----*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_SMALLCOMPILATION_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_SMALLCOMPILATION_H

#include "tools/quipu-compile/validate/PassCheck.h"
#include "tools/quipu-compile/validate/ShrunkModel.h"
#include "tools/quipu-compile/validate/Validation.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

/// A small model like the one that is compiled, and its modules after each phase for a target.
class SmallCompilation {
public:
  /// Imports the model.
  SmallCompilation(const ValidationInput &input, const std::string &target, Widths widths);

  /// Runs the phases in front of `end` (empty: all). Returns what is wrong if a phase fails.
  std::optional<std::string> run(const std::string &end = {});

  /// After the import and each phase that was run.
  const std::vector<Snapshot> &modules() const { return snapshots; }
  /// The module in front of a phase.
  mlir::ModuleOp moduleBefore(const std::string &phase) const;

  /// Runs the phases from `first` on on another module of this context, without those in `left`. False if one fails;
  /// diagnostics go nowhere.
  bool runPhasesFrom(const std::string &first, llvm::ArrayRef<llvm::StringRef> left, mlir::ModuleOp module) const;

  const frontend::ModelConfig &config() const { return model.config; }
  const ValidationInput &input;
  const std::string target;

private:
  frontend::Model model;
  mutable mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<Snapshot> snapshots;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_SMALLCOMPILATION_H
