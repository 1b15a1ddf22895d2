//===- Compilation.h - From a model to a plan -------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_COMPILATION_H
#define QUIPU_TOOLS_QUIPU_COMPILE_COMPILATION_H

#include "frontends/common/GraphBuilder.h"
#include "frontends/common/Model.h"
#include "frontends/convert/WeightsFile.h"
#include "runtime/support/OutputFile.h"
#include "tools/quipu-compile/Backend.h"
#include "tools/quipu-compile/CompilerThreads.h"
#include "tools/quipu-compile/DecisionRecord.h"
#include "tools/quipu-compile/InsightRecord.h"
#include "tools/quipu-compile/Options.h"
#include "tools/quipu-compile/PhaseWatch.h"
#include "tools/quipu-compile/Phases.h"
#include "tools/quipu-compile/Timing.h"
#include "tools/quipu-compile/TuningFile.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

/// One run of the compiler: it opens a model, runs the phases on it, and writes what was asked for. Every function
/// throws Error (or UsageError) if it cannot go on. MLIR's diagnostics are then already on standard error.
class Compilation {
public:
  /// Changes the phases of a compilation. Tests plant faults with it.
  using PhaseEdit = std::function<void(CompilePhases &phases)>;

  explicit Compilation(const CompileOptions &given, PhaseEdit edit = {});

  void run();

private:
  /// Type of the activations that enter dot products.
  frontend::DType computeDType() const;
  frontend::GraphOptions graphOptions() const;
  /// Does what --validate asks for.
  void validateModel();
  void importModel();
  /// Opens options.model and takes from it what options leave open.
  void openModel();
  /// Reads options.module in place of an import, and takes from it what options leave open.
  void openModule();
  /// Begins after the phase of that module.
  void adoptModule();
  /// Runs the phases up to `last` (a phase's name) for each target.
  void runPhases(const std::vector<std::string> &targets, const std::string &last);
  /// Runs `phases` up to `last` in one pass manager on `variant`. If a call of the watch throws, the exception is
  /// thrown again at the end.
  void runPhases(std::vector<CompilePhase> phases, const std::string &last, Variant &variant, PhaseCalls calls);
  /// Throws the Error of a phase that failed. If that is a fault of the compiler, there is a reproducer.
  [[noreturn]] void reportFailure(const std::string &phase, const Variant &variant);
  /// Writes a file with which quipu-opt runs the phases up to `last` again. Returns its path.
  std::string writeReproducer(const std::string &last, const Variant &variant);
  /// The phases behind the import.
  /// `isTuned`: schedules are those that options and tuning file ask for. These are for the target that was asked for.
  CompilePhases phasesOf(const std::string &target, bool isTuned);
  /// Switches on what the options ask MLIR to print about passes. Call it when the manager has all its passes.
  void observe(mlir::PassManager &manager, const Variant &variant);

  /// Switches on the debug lines of options.debugOnly.
  void switchDebug();

  void emitModule();
  void emitKernel();
  void emitPlan();
  /// Whether a plan is written, alone or with other things.
  bool writesPlan() const;
  std::string weightsPath() const;
  /// Writes the weights of --quantize, which take the place of the model's.
  void roundWeights();

  /// Checks before the work that the results can be written.
  void openOutputs();
  /// Call it when the phase's part of `timing` has ended. `pass` is null for a module that no pass made.
  void dumpPhase(const std::string &name, mlir::ModuleOp op, const mlir::Pass *pass);
  /// What --keep-ir keeps of a phase.
  void keepPhase(const std::string &name, mlir::ModuleOp op, const mlir::Pass *pass);

  CompileOptions options;
  PhaseEdit edit;
  Timing timing;
  /// What --mlir-pass-statistics asks for.
  std::optional<PassStatisticsReport> statistics;
  std::unique_ptr<Backend> backend;
  uint32_t maxSeq = 0;
  frontend::Model model;
  CompilerThreads threads;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  /// One for the target that was asked for, then for the other targets of the plan. Only the first is printed.
  std::vector<Variant> variants;
  unsigned dumped = 0;
  /// Whether MLIR has reported an error.
  bool saidError = false;
  /// What options.module has, until it becomes a variant; and the phase after which the compilation begins.
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string begin = kImportPhase;
  /// The target is that of this module, which nobody named.
  bool hasOwnTarget = false;
  /// What --keep-ir asks for.
  std::optional<InsightRecord> insight;
  DecisionRecord decisions;
  std::optional<TuningFile> tuningFile;
  /// What -o names.
  std::optional<OutputFile> output;
  /// What --quantize changes, and where it is written.
  convert::TensorFormats newFormats;
  std::optional<OutputFile> weightsOutput;
  /// What --mlir-pass-pipeline-crash-reproducer names.
  std::optional<OutputFile> reproducer;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_COMPILATION_H
