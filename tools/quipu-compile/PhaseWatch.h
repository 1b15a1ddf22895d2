//===- PhaseWatch.h - What happens around each phase ------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_PHASEWATCH_H
#define QUIPU_TOOLS_QUIPU_COMPILE_PHASEWATCH_H

#include "tools/quipu-compile/Phases.h"
#include "tools/quipu-compile/Timing.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassInstrumentation.h"

#include <functional>
#include <optional>
#include <string>

namespace quipu::tool {

/// Measures the phases of a pass manager and tells about their ends. A phase is a pass on the whole module.
class PhaseWatch : public mlir::PassInstrumentation {
public:
  using Told = std::function<void(const std::string &phase, mlir::ModuleOp module)>;

  /// `ended` is called for phases that succeed. `phase` is set to the one that goes on, or went on last.
  PhaseWatch(Timing &timing, std::string &phase, Told ended) : timing(timing), phase(phase), ended(std::move(ended)) {}

  void runBeforePass(mlir::Pass *pass, mlir::Operation *op) override {
    if (!isPhase(pass, op))
      return;
    phase = phaseOfPass(pass->getArgument());
    part.emplace(timing, phase);
  }
  void runAfterPass(mlir::Pass *pass, mlir::Operation *op) override {
    if (!isPhase(pass, op))
      return;
    part.reset();
    ended(phase, mlir::cast<mlir::ModuleOp>(op));
  }
  void runAfterPassFailed(mlir::Pass *pass, mlir::Operation *op) override {
    if (isPhase(pass, op))
      part.reset();
  }

private:
  static bool isPhase(mlir::Pass *pass, mlir::Operation *op) {
    return !op->getParentOp() && pass->getArgument().starts_with("llama-");
  }

  Timing &timing;
  std::string &phase;
  Told ended;
  std::optional<Timing::Part> part;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_PHASEWATCH_H
