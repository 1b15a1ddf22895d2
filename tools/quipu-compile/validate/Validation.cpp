//===- Validation.cpp - Whether a compilation is right --------------------===//

#include "tools/quipu-compile/validate/Validation.h"

#include "ir/Llama/Llama.h"
#include "ir/Llama/Provenance.h"
#include "ir/Reference/Evaluator.h"
#include "runtime/support/Error.h"
#include "runtime/support/Progress.h"
#include "tools/quipu-compile/validate/Difference.h"
#include "tools/quipu-compile/validate/PassCheck.h"
#include "tools/quipu-compile/validate/ShrunkModel.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLExtras.h"

#include <memory>
#include <optional>
#include <vector>

using namespace mlir;

namespace quipu::tool {

namespace {

/// Keeps the module after each phase.
class SnapshotWatch : public PassInstrumentation {
public:
  SnapshotWatch(std::vector<Snapshot> &snapshots, std::string &phase) : snapshots(snapshots), phase(phase) {}

  void add(const Pass *pass, const std::string &name) { names[pass] = name; }

  void runBeforePass(Pass *pass, Operation *op) override {
    if (!names.contains(pass))
      return;
    phase = names.lookup(pass);
    before.emplace(op);
  }
  void runAfterPass(Pass *pass, Operation *op) override {
    if (names.contains(pass))
      snapshots.push_back({phase, cast<ModuleOp>(op->clone()), OperationFingerPrint(op) != *before});
  }

private:
  std::vector<Snapshot> &snapshots;
  std::string &phase;
  llvm::DenseMap<const Pass *, std::string> names;
  std::optional<OperationFingerPrint> before;
};

/// A small model on its way through the phases for a target.
class SmallCompilation {
public:
  SmallCompilation(const ValidationInput &input, const std::string &target, Widths widths)
      : input(input), target(target), model(shrinkModel(input.model, widths)), context(dialects(), threading()) {
    module = frontend::buildGraph(context, model, input.graph);
    if (!module)
      fail("--validate: the graph of the small model could not be built");
    snapshots.push_back({kImportPhase, module->clone()});
  }

  /// Runs the phases up to the one in front of `end` (empty: all). Returns what is wrong if a phase fails.
  std::optional<std::string> run(const std::string &end) {
    auto [phases, ofTarget] = input.phases(target);
    llvm::move(ofTarget, std::back_inserter(phases));
    std::string diagnostics, phase;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
        diagnostics += "\n" + llama::placeOf(diagnostic.getLocation()).str() + ": " + diagnostic.str();
      return success();
    });
    PassManager manager(&context);
    auto watch = std::make_unique<SnapshotWatch>(snapshots, phase);
    for (CompilePhase &each : phases) {
      if (each.name == end)
        break;
      watch->add(each.pass.get(), each.name);
      manager.addPass(std::move(each.pass));
    }
    manager.addInstrumentation(std::move(watch));
    if (succeeded(manager.run(*module)))
      return std::nullopt;
    return concat("phase ", phase, " failed on a small model like this (", describeSizes(model.config), ")",
                  diagnostics);
  }

  const std::vector<Snapshot> &modules() const { return snapshots; }
  const frontend::ModelConfig &config() const { return model.config; }

private:
  static DialectRegistry dialects() {
    DialectRegistry registry;
    llama::registerEvaluatorDialects(registry);
    return registry;
  }
  static MLIRContext::Threading threading() { return MLIRContext::Threading::DISABLED; }

  const ValidationInput &input;
  std::string target;
  frontend::Model model;
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::vector<Snapshot> snapshots;
};

} // namespace

/// The summary of one target.
static std::string validatePasses(const ValidationInput &input, const std::string &target) {
  SmallCompilation compilation(input, target, Widths::Small);
  std::optional<std::string> problem = compilation.run(kCodegenPhase);
  // A wrong pass may be why a later one fails.
  PassCheckResult result = checkPasses(compilation.modules());
  if (problem)
    fail("--validate: ", *problem);
  return concat("validated ", result.passes, " passes for ", target, " on a small model (",
                describeSizes(compilation.config()), "); worst difference ", shortNumber(result.worstDifference), " (",
                result.worstPass, "), tolerance ", shortNumber(result.worstTolerance));
}

std::string validate(const ValidationInput &input) {
  std::string summary;
  for (const std::string &target : input.backend.targets()) {
    Progress progress("validate passes for " + target);
    summary += (summary.empty() ? "" : "\n") + validatePasses(input, target);
  }
  return summary;
}

} // namespace quipu::tool
