//===- Inspect.cpp - quipu inspect: everything the compiler did --------------------------===//

#include "runtime/plan/Insight.h"
#include "runtime/support/Error.h"
#include "runtime/support/OutputFile.h"
#include "tools/common/Console.h"
#include "tools/quipu-compile/Options.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/inspect/KernelView.h"
#include "tools/quipu/inspect/MemoryView.h"
#include "tools/quipu/inspect/ModuleText.h"
#include "tools/quipu/inspect/PhaseHistory.h"
#include "tools/quipu/inspect/PlanJson.h"
#include "tools/quipu/inspect/PlanText.h"
#include "tools/quipu/inspect/TraceOptions.h"
#include "tools/quipu/inspect/ViewOptions.h"
#include "tools/quipu/inspect/WeightsView.h"
#include "tools/quipu/inspect/Why.h"
#include "tools/quipu/report/Report.h"

#include <memory>
#include <optional>

namespace quipu::tool {

namespace {
struct InspectCommand {
  PlanSource source;
  std::string phase, kernel, form = "mlir", output = "-", why;
  std::optional<uint32_t> module;
  CLI::Option *formOption = nullptr;
  TraceOptions trace;
  ViewOptions views;
  bool memory = false, weights = false, json = false, verbose = false;
  /// How a module is printed: alike layers once, and without locations.
  bool folded = false, noLocations = false;
  /// Passes, with commas between them.
  std::string debugOnly;

  int run();

private:
  void checkUsage() const;
  /// Whether a plan has the kernel in this form, and the compiler does not print it.
  bool isOfPlan() const { return form == "ptx" || form == "sass" || (form == "asm" && source.isForCuda()); }
  /// What --kernel shows.
  std::string kernelText(const PlanFile &plan) const;
  std::string phaseText(const PlanFile &plan) const;
  nlohmann::ordered_json phaseJson(const PlanFile &plan) const;
  void writeModule(const PlanFile &plan, OutputFile &file) const;
  /// Standard output, if there is no file.
  void writeView(const std::shared_ptr<const PlanFile> &plan, std::optional<OutputFile> &file) const;
  /// Starts quipu-compile on the model.
  int compiler(std::vector<std::string> arguments) const;
};
} // namespace

int InspectCommand::compiler(std::vector<std::string> arguments) const {
  std::vector<std::string> flags = source.compileFlags();
  arguments.insert(arguments.begin(), flags.begin(), flags.end());
  if (!debugOnly.empty())
    arguments.insert(arguments.begin(), {kDebugOnly, debugOnly});
  arguments.insert(arguments.begin(), source.path());
  return runCompiler(arguments);
}

std::string InspectCommand::kernelText(const PlanFile &plan) const {
  KernelView view{kernel, form, trace.withSource, noLocations};
  return json ? jsonText(kernelViewJson(plan, view)) + "\n" : kernelViewText(plan, view);
}

/// What a plan has of its phases.
std::string InspectCommand::phaseText(const PlanFile &plan) const {
  if (folded)
    return foldedText(PhaseHistory(plan).module(phase, "--phase"));
  Insight insight = Insight::of(plan);
  if (phase != "list")
    return noLocations ? withoutLocations(insight.phase(phase)) : insight.phase(phase);
  std::string names;
  for (const std::string &name : insight.phases())
    names += name + "\n";
  return names;
}

nlohmann::ordered_json InspectCommand::phaseJson(const PlanFile &plan) const {
  if (phase == "list")
    return {{"phases", Insight::of(plan).phases()}};
  PhaseHistory history(plan);
  const nlohmann::ordered_json &found = history.module(phase, "--phase");
  if (folded)
    return found;
  return {{"name", found.at("name")}, {"text", phaseText(plan)}};
}

void InspectCommand::writeModule(const PlanFile &plan, OutputFile &file) const {
  const auto &modules = *plan.plan().modules();
  if (*module >= modules.size())
    fail(plan.path(), ": has no code module ", *module, "; it has ", modules.size(), ", counted from 0");
  const auto &bytes = *modules[*module]->bytes();
  file.write(bytes.data(), bytes.size());
  file.commit();
}

/// The options that say what is shown. --json says how where one of the others is given.
void InspectCommand::checkUsage() const {
  if (formOption->count() && (kernel.empty() || !views.diff.empty()))
    throw UsageError("--as says how a kernel is shown; name it with --kernel, without --diff");
  if (output != "-" && !module)
    throw UsageError("-o takes the bytes of --module; redirect the output of everything else");
  bool printsModule = !phase.empty() && phase != "list" && !views.showsGraph();
  if (folded && !printsModule)
    throw UsageError("--folded says how the module of --phase NAME is printed");
  if (noLocations && !printsModule && (kernel.empty() || form != "mlir" || trace.withSource || !views.diff.empty()))
    throw UsageError("--no-locations says how the module of --phase NAME, or of --kernel NAME --as mlir, is printed");
  trace.check(kernel);
  views.check(json);
  std::vector<std::string> shown = views.given();
  auto add = [&](bool isGiven, const char *name) {
    if (isGiven)
      shown.emplace_back(name);
  };
  add(trace.traces(), trace.origin.empty() ? "--address" : "--origin");
  add(!why.empty(), "--why");
  add(memory, "--memory");
  add(weights, "--weights-table");
  add(module.has_value(), "--module");
  add(!phase.empty() && !views.showsGraph(), "--phase");
  // It says of which kernel --diff tells.
  add(!kernel.empty() && views.diff.empty(), "--kernel");
  if (json && module)
    throw UsageError("--module writes the bytes of code; leave --json out");
  if (shown.size() > 1)
    throw UsageError(concat(shown[0], " and ", shown[1], " show different things; give one of them"));
}

void InspectCommand::writeView(const std::shared_ptr<const PlanFile> &plan, std::optional<OutputFile> &file) const {
  std::string text = views.html.empty() ? views.text(*plan, phase, kernel, json)
                                        : reportPage(plan, source.path(), views.profile, views.ceilings);
  if (!file) {
    out().write(text);
    return;
  }
  file->write(text.data(), text.size());
  file->commit();
}

int InspectCommand::run() {
  checkUsage();
  // What the compiler prints has locations and all layers. Else the text is that of a plan.
  bool printsPhase = !phase.empty() && !views.showsGraph();
  bool printsKernel = !kernel.empty() && views.diff.empty();
  bool isPlain = folded || noLocations || (json && (printsPhase || printsKernel));
  if (trace.needsIr() || views.needsIr() || !why.empty() || isPlain)
    source.keepIr();
  printsKernel = printsKernel && !isOfPlan() && !trace.withSource;
  bool compiles = !isPlain && (printsPhase || printsKernel);
  if (!debugOnly.empty() && (!compiles || !source.isModel()))
    throw UsageError(std::string(kDebugOnly) +
                     " says what passes decide while a model is compiled: it goes with a model, "
                     "and with --phase or --kernel, whose locations are printed");
  if (printsPhase && phase == "list" && source.isModel() && !json)
    return runCompiler({"--list-phases"});
  if (printsPhase && compiles && source.isModel())
    return compiler({"--emit", "mlir", "--stop-after", phase, "-o", "-"});
  if (printsKernel && compiles && source.isModel())
    return compiler({"--emit", form, "--kernel", kernel, "-o", "-"});

  std::optional<OutputFile> target;
  if (module || views.file() != "-") {
    source.noteInputs();
    target.emplace(module ? output : views.file());
  }
  std::shared_ptr<const PlanFile> plan = source.open(verbose);
  if (module)
    writeModule(*plan, *target);
  else if (!views.given().empty())
    writeView(plan, target);
  else if (!phase.empty())
    out().write(json ? jsonText(phaseJson(*plan)) + "\n" : phaseText(*plan));
  else if (!why.empty())
    out().write(json ? jsonText(whyJson(*plan, KernelOrigins(*plan), why)) + "\n" : whyText(*plan, why));
  else if (trace.traces())
    out().write(trace.text(*plan, json));
  else if (!kernel.empty())
    out().write(kernelText(*plan));
  else if (memory)
    out().write(json ? jsonText(memoryJson(plan->plan())) + "\n" : memoryText(*plan));
  else if (weights)
    out().write(json ? jsonText(weightsJson(*plan)) + "\n" : weightsText(*plan));
  else if (json)
    out().write(jsonText(planJson(*plan)) + "\n");
  else
    out().write(planText(*plan));
  return 0;
}

void addInspect(CLI::App &program, Action &action) {
  auto state = std::make_shared<InspectCommand>();
  CLI::App *command = program.add_subcommand("inspect", "Show what the compiler made of a model");
  command->footer("Example:\n  quipu inspect story.qplan\n  quipu inspect models/story --phase list\n"
                  "  quipu inspect models/story --kernel decode.o_proj --as asm\n"
                  "  quipu inspect models/story --phase llama-expand --folded\n"
                  "  quipu inspect models/story --diff import llama-expand\n"
                  "  quipu inspect models/story --cost --prompt 256\n"
                  "  quipu inspect models/story --html story.html\n\n"
                  "One view at a time. docs/inspect.md explains them, docs/report.md the report.");
  state->source.addOptions(*command);
  command->add_option("--phase", state->phase, "Print the module after this phase of the compiler; list: their names");
  command->add_option("--kernel", state->kernel, "Print one kernel");
  state->formOption = command->add_option("--as", state->form, "Form of the kernel: mlir, llvm, asm; CUDA: ptx, sass")
                          ->capture_default_str()
                          ->check(CLI::IsMember({"mlir", "llvm", "asm", "ptx", "sass"}));
  command->add_flag("--folded", state->folded,
                    "Of --phase: print layers that are the same once, values with names of places, and no locations");
  command->add_flag("--no-locations", state->noLocations,
                    "Of --phase, and of --kernel --as mlir: print no locations; the text is still a module");
  state->trace.addOptions(*command);
  command
      ->add_option("--why", state->why,
                   "Print what the compiler decided about a kernel (decode.qkv), a place (layers.3.mlp) or a weight, "
                   "and why (of a plan that was compiled with --keep-ir, or of a model)")
      ->type_name("NAME");
  addNumber(*command, "--module", state->module, "Write the bytes of one code module, counted from 0");
  command->add_option("-o", state->output, "File for --module (default: standard output)")->type_name("FILE");
  state->views.addOptions(*command);
  command->add_flag("--memory", state->memory,
                    "Only the memory plan: every program's arena, step by step and as a picture, and the cache");
  command->add_flag("--weights-table", state->weights, "Only the weights, with sources and transforms");
  command->add_flag("--json", state->json, "Print one object with everything, or the view that is given as an object");
  command->add_option(kDebugOnly, state->debugOnly, std::string(kDebugOnlyText) + " (with --phase or --kernel)")
      ->type_name("PASS,...");
  command->add_flag("-v,--verbose", state->verbose, "Say what is compiled and used, on standard error");
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
