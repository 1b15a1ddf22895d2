//===- Phases.h - The phases of a compilation -------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_PHASES_H
#define QUIPU_TOOLS_QUIPU_COMPILE_PHASES_H

#include "frontends/common/Model.h"

#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace quipu::tool {

/// The first and the last phase are not passes. They build the module, and generate code for its kernels.
inline constexpr const char *kImportPhase = "import";
inline constexpr const char *kCodegenPhase = "codegen";
/// The pass that options and tuning files of schedules are for.
inline constexpr const char *kSelectionPhase = "llama-select-schedules";

/// A pass of the compilation.
struct CompilePhase {
  /// The phase has the name of the pass.
  explicit CompilePhase(std::unique_ptr<mlir::Pass> pass) : name(pass->getArgument()), pass(std::move(pass)) {}
  CompilePhase(std::string name, std::unique_ptr<mlir::Pass> pass) : name(std::move(name)), pass(std::move(pass)) {}

  /// The names that --stop-after and `inspect --phase` take.
  std::string name;
  std::unique_ptr<mlir::Pass> pass;
};

/// The passes of the compilation for one target, in order.
struct CompilePhases {
  /// First the passes that do the same for every target, then the other passes.
  std::vector<CompilePhase> common, ofTarget;
};

/// What the phases depend on beside the target and the model's type.
struct PhaseOptions {
  /// The greatest number of positions of a sequence, and of sequences at the same time.
  uint32_t maxSeq = 0, maxBatch = 1;
  /// Activations are not rounded to 8 bits.
  bool exactActivations = false;
  /// The option `deterministic` of llama-select-schedules.
  bool deterministic = false;
  /// See checkTuning.
  std::string tuning = {};
  /// The option `tuned` of llama-select-schedules.
  std::vector<std::string> tuned = {};
};

/// `tuning`: options of llama-select-schedules besides the target. Throws UsageError if the pass does not have them for
/// this target.
void checkTuning(const std::string &target, const std::string &tuning);

/// The programs of a plan for a GPU, as llama-specialize takes them ("decode:decode64:9-64"). Empty for a CPU, whose
/// programs are the same for all options.
std::vector<std::string> programsOf(const std::string &target, frontend::DType dtype, uint32_t maxBatch);

/// Whether llama-quantize-activations rounds the inputs of products with weights in blocks. `exact`: they shall stay.
bool roundsActivations(const std::string &target, bool exact);

/// The passes between import and codegen, in order, for a target ("cpu:...", "cuda:...") and the dtype that the model
/// is computed in.
CompilePhases compilePhases(const std::string &target, frontend::DType dtype, const PhaseOptions &options = {});

/// "import", the passes, "codegen".
std::vector<std::string> phaseNames();

/// The name as phaseNames() has it: the prefix "llama-" may be left out. Throws UsageError that lists the names.
std::string findPhase(const std::string &name);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_PHASES_H
