//===- ViewOptions.cpp - The options of inspect that show what the compiler did ----------===//

#include "tools/quipu/inspect/ViewOptions.h"

#include "runtime/support/Error.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/inspect/CostView.h"
#include "tools/quipu/inspect/GraphDot.h"
#include "tools/quipu/inspect/ModuleDiff.h"
#include "tools/quipu/inspect/NetronText.h"
#include "tools/quipu/inspect/PhaseHistory.h"
#include "tools/quipu/inspect/PhasesView.h"
#include "tools/quipu/inspect/WeightsView.h"

#include <algorithm>

namespace quipu::tool {

using Json = nlohmann::ordered_json;

/// Positions of a sequence of which --cost tells, if nothing says how many.
static constexpr uint32_t kContext = 512;

void ViewOptions::addOptions(CLI::App &command) {
  command.add_flag(
      "--phases", phases,
      "Print what each phase of the compiler did: time, ops before and behind it, what its pass counted (of "
      "a model, or of a plan that was compiled with --keep-ir)");
  command
      .add_option("--diff", diff,
                  "Print what the phases behind A up to B did to the module, as diff -u does; layers that are the same "
                  "stand once; with --kernel of one kernel alone (of a model, or of a plan that was compiled with "
                  "--keep-ir)")
      ->expected(2)
      ->type_name("A B")
      ->option_text("A B");
  command.add_flag(
      "--weights", weights,
      "Print the weights, alike layers in one line: source tensors, slices, format, transform, error where "
      "they were rounded");
  command.add_flag(
      "--cost", cost,
      "Print what each kernel reads and computes, and how long that takes at the ceilings of this machine, "
      "which are measured now (of a GPU that is not here: published ones)");
  command
      .add_option("--ceilings", ceilings,
                  concat("Of --cost and --html: the ceilings of another machine, of a saved profile (quipu profile "
                         "--json) or of a GPU as published (",
                         publishedGpuNames(), ")"))
      ->type_name("FILE|GPU");
  auto addFile = [&](const char *name, std::string &file, const char *text) {
    command.add_option(name, file, text)->option_text(kOptionalFile)->default_str("-");
  };
  addFile("--dot", dot,
          "Write the dataflow behind a phase (--phase NAME, default: the last before code generation) as a graph for "
          "Graphviz, alike "
          "layers once (default: to standard output)");
  addFile("--netron", netron,
          "Write the dataflow behind a phase (--phase NAME, default: the last before code generation) as MLIR in the "
          "generic form, which "
          "Netron shows (default: to standard output)");
  command
      .add_option(
          "--html", html,
          "Write a report: one page with all of this, that opens in a browser without a network (of a model, or "
          "of a plan that was compiled with --keep-ir)")
      ->type_name("FILE");
  command.add_flag("--profile", profile, "Of --html: measure also what each kernel takes when tokens are generated");
  workOptions = {
      addNumber(command, "-p,--prompt,--rows", prompt,
                "Of --cost: a prompt of N tokens (default: one token is generated)", 1),
      addNumber(command, "-d,--depth", depth, "Of --cost: positions cached before (default: 0 for a prompt)"),
      addNumber(
          command, "--context", context,
          concat("Of --cost: positions together with the new ones (default: ", kContext, " when a token is generated)"),
          1),
      addNumber(command, "-b,--batch", batch, "Of --cost: sequences at once", 1)->capture_default_str()};
}

void ViewOptions::check(bool json) const {
  for (const CLI::Option *option : workOptions)
    if (option->count() > 0 && !cost)
      throw UsageError(option->get_name() + " says of which work --cost tells; give --cost");
  if (!ceilings.empty() && !cost && html.empty())
    throw UsageError("--ceilings says how fast the machine is of which --cost and --html tell; give one of them");
  if (!ceilings.empty() && profile)
    throw UsageError("--profile measures the ceilings with the kernels; leave --ceilings out");
  if (profile && html.empty())
    throw UsageError("--profile puts measured times into the report; give --html FILE, or use quipu profile");
  if (!html.empty() && json)
    throw UsageError(
        "--html writes a page; the views --phases, --memory, --weights, --cost and --dot print its data as "
        "JSON");
  if (!netron.empty() && json)
    throw UsageError("--netron prints MLIR, which Netron reads; --dot --json prints the same graph as JSON");
  if (depth && context)
    throw UsageError(
        "--depth and --context both say how long a sequence is: without the new tokens, or with them; give "
        "one of them");
  if (context && *context < prompt)
    throw UsageError(concat("--context ", *context, " has the new tokens too, and --prompt ", prompt, " has more"));
}

BenchTest ViewOptions::workOfCost(const PlanFile &plan) const {
  uint32_t tokens = std::max(prompt, 1u), before = 0;
  if (depth)
    before = *depth;
  else if (context)
    before = *context - tokens;
  else if (!prompt)
    before = std::min(kContext, plan.plan().kv_cache()->max_seq()) - tokens;
  return {prompt, 0, before, batch};
}

std::vector<std::string> ViewOptions::given() const {
  std::vector<std::string> names;
  if (phases)
    names.emplace_back("--phases");
  if (!diff.empty())
    names.emplace_back("--diff");
  if (weights)
    names.emplace_back("--weights");
  if (cost)
    names.emplace_back("--cost");
  if (!dot.empty())
    names.emplace_back("--dot");
  if (!netron.empty())
    names.emplace_back("--netron");
  if (!html.empty())
    names.emplace_back("--html");
  return names;
}

/// The parts of a module that a predicate takes.
template <typename Predicate> static Json withParts(const Json &module, Predicate takes) {
  Json parts = Json::array();
  for (const Json &part : module.at("parts"))
    if (takes(part))
      parts.push_back(part);
  return {{"name", module.at("name")}, {"parts", parts}};
}

/// What a phase made of a kernel: itself, and its code. Throws Error if the module after the phase has no such kernel.
static Json kernelAlone(const PlanFile &plan, const Json &module, const std::string &kernel) {
  Json found = withParts(module, [&](const Json &part) {
    return (part.at("kind") == "kernel" || part.at("kind") == "code") && part.at("name") == kernel;
  });
  if (found["parts"].empty())
    fail(plan.path(), ": the module after ", module.at("name").get<std::string>(), " has no kernel ", kernel);
  return found;
}

Json ViewOptions::json(const PlanFile &plan, const std::string &phase, const std::string &kernel) const {
  if (weights)
    return weightsJson(plan);
  if (cost)
    return costJson(costsOf(plan, workOfCost(plan)), workOfCost(plan), CostCeilings::of(plan, ceilings));
  PhaseHistory history(plan);
  if (phases)
    return phasesJson(history);
  if (showsGraph()) {
    const Json &found = phase.empty() ? history.lastModule() : history.module(phase, "--phase");
    // Code is no dataflow.
    return withParts(found, [](const Json &part) { return part.at("kind") != "code"; });
  }
  const Json &before = history.module(diff[0], "--diff"), &after = history.module(diff[1], "--diff");
  if (kernel.empty())
    return moduleDiffJson(before, after);
  return moduleDiffJson(kernelAlone(plan, before, kernel), kernelAlone(plan, after, kernel));
}

std::string ViewOptions::text(const PlanFile &plan, const std::string &phase, const std::string &kernel,
                              bool asJson) const {
  Json view = json(plan, phase, kernel);
  if (asJson)
    return jsonText(view) + "\n";
  if (showsGraph())
    return netron.empty() ? graphDot(view) : netronText(view);
  return weights ? weightsViewText(view) : cost ? costText(view) : phases ? phasesText(view) : moduleDiffText(view);
}

} // namespace quipu::tool
