//===- Validation.cpp - Whether a compilation is right --------------------===//

#include "tools/quipu-compile/validate/Validation.h"

#include "runtime/support/Error.h"
#include "runtime/support/Progress.h"
#include "tools/quipu-compile/validate/ArenaCheck.h"
#include "tools/quipu-compile/validate/Difference.h"
#include "tools/quipu-compile/validate/KernelCheck.h"
#include "tools/quipu-compile/validate/PassCheck.h"
#include "tools/quipu-compile/validate/SmallCompilation.h"

#include <optional>

using namespace mlir;

namespace quipu::tool {

/// Throws Error if a phase failed.
static void expect(const std::optional<std::string> &problem) {
  if (problem)
    fail("--validate: ", *problem);
}

static std::string validatePasses(const ValidationInput &input, const std::string &target) {
  Progress progress("validate the passes for " + target);
  SmallCompilation compilation(input, target, Widths::Small);
  std::optional<std::string> problem = compilation.run(kCodegenPhase);
  // A wrong pass may be why a later one fails.
  PassCheckResult result = checkPasses(compilation.modules());
  expect(problem);
  return concat("validated ", result.passes, " passes for ", target, " on a small model (",
                describeSizes(compilation.config()), "); worst difference ", shortNumber(result.worstDifference), " (",
                result.worstPass, "), tolerance ", shortNumber(result.worstTolerance));
}

/// With the widths of the model: places depend on the sizes of values. Nothing is evaluated.
static std::string validateArenas(const ValidationInput &input, const std::string &target) {
  Progress progress("validate the arenas for " + target);
  SmallCompilation compilation(input, target, Widths::Real);
  expect(compilation.run(kCodegenPhase));
  unsigned programs = checkArenas(compilation.modules().back());
  return concat("validated the arenas of ", programs, " programs for ", target, " on a model with these layers (",
                describeSizes(compilation.config()), "): each value is there until it is read for the last time");
}

static std::string validateKernels(const ValidationInput &input, const std::string &target, Widths widths) {
  if (std::string reason = whyKernelsCannotRun(target); !reason.empty())
    return concat("the kernels for ", target, " were not validated: ", reason);
  Progress progress("validate the kernels for " + target);
  SmallCompilation compilation(input, target, widths);
  expect(compilation.run());
  KernelCheckResult result = checkKernels(compilation, widths);
  return concat("validated ", result.kernels, " kernels for ", target, " on a ",
                widths == Widths::Small ? "small model" : "model with these layers", " (",
                describeSizes(compilation.config()), "); worst difference ", shortNumber(result.worst),
                " of its tolerance (@", result.worstKernel, ")");
}

std::string validate(const ValidationInput &input) {
  std::string summary;
  auto add = [&](const std::string &line) { summary += (summary.empty() ? "" : "\n") + line; };
  for (const std::string &target : input.backend.targets()) {
    if (input.options.validate != Validate::Kernels)
      add(validatePasses(input, target));
    if (input.options.validate != Validate::Kernels)
      add(validateArenas(input, target));
    if (input.options.validate != Validate::Passes)
      add(validateKernels(input, target, input.options.validate == Validate::Kernels ? Widths::Real : Widths::Small));
  }
  return summary;
}

} // namespace quipu::tool
