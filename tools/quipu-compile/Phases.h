//===- Phases.h - The phases of a compilation -------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_PHASES_H
#define QUIPU_TOOLS_QUIPU_COMPILE_PHASES_H

#include "frontends/common/Model.h"

#include "mlir/Pass/PassManager.h"

#include <functional>
#include <string>
#include <vector>

namespace quipu::tool {

/// The first and the last phase are no passes: building the module, and generating code for its kernels.
inline constexpr const char *kImportPhase = "import";
inline constexpr const char *kCodegenPhase = "codegen";
/// The first one that does not do the same for every target.
inline constexpr const char *kFirstTargetPhase = "llama-specialize";

/// A pass of the compilation, under the name that --stop-after and `inspect --phase` take.
struct CompilePhase {
  std::string name, description;
  std::function<void(mlir::OpPassManager &)> add;
};

/// Most positions of a sequence, and most sequences at once.
struct PlanBounds {
  uint32_t maxSeq = 0, maxBatch = 1;
};

/// Throws UsageError where `tuning`, options of llama-select-schedules besides the target, are none that the pass has
/// for this target.
void checkTuning(const std::string &target, const std::string &tuning);

/// The passes between import and codegen, in order, for a target ("cpu:...", "cuda:...") and the dtype that the model
/// is computed in. `tuning`: see checkTuning.
std::vector<CompilePhase> compilePhases(const std::string &target, frontend::DType dtype, const PlanBounds &bounds = {},
                                        const std::string &tuning = {});

/// "import", the passes, "codegen".
std::vector<std::string> phaseNames();

/// The phase that a pass is.
std::string phaseOfPass(llvm::StringRef argument);

/// The name as phaseNames() has it: the prefix "llama-" may be left out. Throws UsageError that lists the names.
std::string findPhase(const std::string &name);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_PHASES_H
