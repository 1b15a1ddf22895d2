//===- PhaseWatch.h - What happens around each phase ------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_PHASEWATCH_H
#define QUIPU_TOOLS_QUIPU_COMPILE_PHASEWATCH_H

#include "tools/quipu-compile/Timing.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/DenseMap.h"

#include <functional>
#include <optional>
#include <string>

namespace quipu::tool {

/// Functions that are called around phases. They may not throw. Each may be null.
struct PhaseCalls {
  using Call = std::function<void(const std::string &phase, mlir::ModuleOp module)>;

  /// Called before each phase.
  Call before;
  /// Called after each phase that succeeds, whose time is then known.
  std::function<void(const std::string &phase, mlir::ModuleOp module, const mlir::Pass &pass)> after;
};

/// Measures the phases of a pass manager, and makes calls around them.
class PhaseWatch : public mlir::PassInstrumentation {
public:
  /// `phase` is set to the current or last phase.
  PhaseWatch(Timing &timing, std::string &phase, PhaseCalls calls)
      : timing(timing), phase(phase), calls(std::move(calls)) {}

  /// The pass is a phase of this name.
  void add(const mlir::Pass *pass, const std::string &name) { names[pass] = name; }

  void runBeforePass(mlir::Pass *pass, mlir::Operation *op) override {
    auto name = names.find(pass);
    if (name == names.end())
      return;
    phase = name->second;
    if (calls.before)
      calls.before(phase, mlir::cast<mlir::ModuleOp>(op));
    part.emplace(timing, phase);
  }
  void runAfterPass(mlir::Pass *pass, mlir::Operation *op) override {
    if (!names.contains(pass))
      return;
    part.reset();
    if (calls.after)
      calls.after(phase, mlir::cast<mlir::ModuleOp>(op), *pass);
  }
  void runAfterPassFailed(mlir::Pass *pass, mlir::Operation *) override {
    if (names.contains(pass))
      part.reset();
  }

private:
  Timing &timing;
  std::string &phase;
  PhaseCalls calls;
  llvm::DenseMap<const mlir::Pass *, std::string> names;
  std::optional<Timing::Part> part;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_PHASEWATCH_H
