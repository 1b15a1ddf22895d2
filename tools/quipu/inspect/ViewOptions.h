//===- ViewOptions.h - The options of inspect that show what the compiler did --*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_INSPECT_VIEWOPTIONS_H
#define QUIPU_TOOLS_QUIPU_INSPECT_VIEWOPTIONS_H

#include "runtime/plan/PlanFile.h"
#include "tools/quipu/bench/Test.h"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

/// --phases, --diff, --weights, --cost with what says of which work it is, --dot, --netron, and --html with --profile.
struct ViewOptions {
  bool phases = false, weights = false, cost = false;
  /// Two phases.
  std::vector<std::string> diff;
  /// Files; "-" is standard output.
  std::string dot, netron;
  /// The file of the report.
  std::string html;
  /// Of --html: measured times are in it.
  bool profile = false;
  /// Of --cost and --html: whose ceilings (CostCeilings::of).
  std::string ceilings;
  /// Of --cost: tokens of a prompt (0: one token is generated), and sequences.
  uint32_t prompt = 0, batch = 1;
  /// Of --cost: positions before the new tokens, or with them.
  std::optional<uint32_t> depth, context;

  void addOptions(CLI::App &command);
  /// Throws UsageError for options that do not go together. `json`: whether --json is given.
  void check(bool json) const;

  /// The views that are given, by the names of their options.
  std::vector<std::string> given() const;
  /// Whether a plan with IR is needed.
  bool needsIr() const { return phases || !diff.empty() || showsGraph() || !html.empty(); }
  /// Whether --phase says of which phase the view is.
  bool showsGraph() const { return !dot.empty() || !netron.empty(); }
  /// Where the view is written. "-" is standard output.
  std::string file() const { return !html.empty() ? html : !dot.empty() ? dot : !netron.empty() ? netron : "-"; }

  /// The view that is given, other than --html, which report/Report.h makes. `phase`: what --phase names, or nothing.
  /// `kernel`: what --kernel names beside --diff, or nothing.
  std::string text(const PlanFile &plan, const std::string &phase, const std::string &kernel, bool json) const;

private:
  nlohmann::ordered_json json(const PlanFile &plan, const std::string &phase, const std::string &kernel) const;
  BenchTest workOfCost(const PlanFile &plan) const;
  /// Those that say of which work the cost is.
  std::vector<CLI::Option *> workOptions;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_INSPECT_VIEWOPTIONS_H
