//===- SmallCompilation.cpp - A small model on its way to code ------------===//

#include "tools/quipu-compile/validate/SmallCompilation.h"

#include "ir/Llama/Provenance.h"
#include "ir/Reference/Evaluator.h"
#include "runtime/support/Error.h"

#include "mlir/IR/OperationSupport.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLExtras.h"

#include <iterator>
#include <memory>

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

} // namespace

static DialectRegistry dialects() {
  DialectRegistry registry;
  llama::registerEvaluatorDialects(registry);
  return registry;
}

static std::vector<CompilePhase> allPhases(const ValidationInput &input, const std::string &target) {
  auto [phases, ofTarget] = input.phases(target);
  llvm::move(ofTarget, std::back_inserter(phases));
  return std::move(phases);
}

SmallCompilation::SmallCompilation(const ValidationInput &input, const std::string &target, Widths widths)
    : input(input), target(target), model(shrinkModel(input.model, widths)),
      context(dialects(), MLIRContext::Threading::DISABLED) {
  module = frontend::buildGraph(context, model, input.graph);
  if (!module)
    fail("--validate: the graph of the small model could not be built");
  snapshots.push_back({kImportPhase, module->clone()});
}

std::optional<std::string> SmallCompilation::run(const std::string &end) {
  std::string diagnostics, phase;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      diagnostics += "\n" + llama::placeOf(diagnostic.getLocation()).str() + ": " + diagnostic.str();
    return success();
  });
  PassManager manager(&context);
  auto watch = std::make_unique<SnapshotWatch>(snapshots, phase);
  for (CompilePhase &each : allPhases(input, target)) {
    if (each.name == end)
      break;
    watch->add(each.pass.get(), each.name);
    manager.addPass(std::move(each.pass));
  }
  manager.addInstrumentation(std::move(watch));
  if (succeeded(manager.run(*module)))
    return std::nullopt;
  return concat("phase ", phase, " failed on a small model like this one (", describeSizes(model.config), ")",
                diagnostics);
}

ModuleOp SmallCompilation::moduleBefore(const std::string &phase) const {
  for (size_t i = 1; i < snapshots.size(); ++i)
    if (snapshots[i].phase == phase)
      return *snapshots[i - 1].module;
  fail("--validate: there is no phase ", phase);
}

bool SmallCompilation::runPhasesFrom(const std::string &first, ArrayRef<StringRef> left, ModuleOp other) const {
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) { return success(); });
  PassManager manager(&context);
  bool isIn = false;
  for (CompilePhase &phase : allPhases(input, target)) {
    isIn |= phase.name == first;
    if (isIn && !llvm::is_contained(left, phase.name))
      manager.addPass(std::move(phase.pass));
  }
  return succeeded(manager.run(other));
}

} // namespace quipu::tool
