//===- TraceOptions.h - The options of inspect that trace code --------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_TRACEOPTIONS_H
#define QUIPU_TOOLS_QUIPU_INSPECT_TRACEOPTIONS_H

#include "runtime/plan/PlanFile.h"

#include <CLI/CLI.hpp>

#include <string>

namespace quipu::tool {

/// --origin, --address and --with-source.
struct TraceOptions {
  std::string origin, address;
  bool withSource = false;

  void addOptions(CLI::App &command);
  /// Throws UsageError for options that do not go together. `kernel`: what --kernel names.
  void check(const std::string &kernel) const;

  /// Whether --origin or --address is given.
  bool traces() const { return !origin.empty() || !address.empty(); }
  /// Whether a plan with IR is needed.
  bool needsIr() const { return traces() || withSource; }

  /// What --origin or --address asks for.
  std::string text(const PlanFile &plan, bool json) const;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_TRACEOPTIONS_H
