//===- ModuleText.h - Modules of a plan, as text for people ------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_MODULETEXT_H
#define QUIPU_TOOLS_QUIPU_INSPECT_MODULETEXT_H

#include "runtime/plan/PlanFile.h"

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// MLIR's text without locations and without the aliases that locations alone use. It stays a module that can be read.
std::string withoutLocations(const std::string &text);

/// The module after a phase (tools/quipu-compile/PhaseRecord.h) with layers that are the same once and without
/// locations, as --diff compares it.
std::string foldedText(const nlohmann::ordered_json &phase);

/// A kernel as it was scheduled, and its code before the compiler gives it to LLVM. Throws Error if the plan holds no
/// IR, or has no such kernel.
std::string keptKernelText(const PlanFile &plan, const std::string &name);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_MODULETEXT_H
