//===- Inspect.cpp - quipu inspect: everything the compiler did --------------------------===//

#include "runtime/core/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/PlanSource.h"
#include "tools/quipu/inspect/Disassemble.h"
#include "tools/quipu/inspect/PlanJson.h"
#include "tools/quipu/inspect/PlanText.h"

#include <memory>

namespace quipu::tool {

namespace {
struct InspectCommand {
  PlanSource source;
  std::string phase, kernel, form = "mlir";
  CLI::Option *formOption = nullptr;
  bool memory = false, weights = false, json = false, verbose = false;

  int run();

private:
  /// Starts quipu-compile on the model.
  int compiler(std::vector<std::string> arguments) const;
};
} // namespace

int InspectCommand::compiler(std::vector<std::string> arguments) const {
  std::vector<std::string> flags = source.compileFlags();
  arguments.insert(arguments.begin(), flags.begin(), flags.end());
  arguments.insert(arguments.begin(), source.path());
  return runCompiler(arguments);
}

int InspectCommand::run() {
  if (!phase.empty() && !kernel.empty())
    throw UsageError("give one of --phase and --kernel");
  if (formOption->count() && kernel.empty())
    throw UsageError("--as says how a kernel is shown; name it with --kernel");
  if (phase == "list")
    return runCompiler({"--list-phases"});
  if (!phase.empty()) {
    if (!source.isModel())
      fail(source.path(), ": a plan holds the result of the last phase only; give the model to see its phases");
    return compiler({"--emit", "mlir", "--stop-after", phase, "-o", "-"});
  }
  if (!kernel.empty() && source.isModel())
    return compiler({"--emit", form, "--kernel", kernel, "-o", "-"});

  std::shared_ptr<const PlanFile> plan = source.open(verbose);
  if (!kernel.empty()) {
    if (form != "asm")
      fail(source.path(), ": a plan holds machine code only; --as ", form, " needs the model");
    out().write(disassembleKernel(*plan, kernel));
    return 0;
  }
  if (json)
    out().write(planJson(*plan).dump(2) + "\n");
  else if (memory)
    out().write(memoryText(*plan));
  else if (weights)
    out().write(weightsText(*plan));
  else
    out().write(planText(*plan));
  return 0;
}

void addInspect(CLI::App &program, Action &action) {
  auto state = std::make_shared<InspectCommand>();
  CLI::App *command = program.add_subcommand("inspect", "Show what the compiler made of a model");
  command->footer("Example:\n  quipu inspect story.qplan\n  quipu inspect models/story --phase list\n"
                  "  quipu inspect models/story --kernel decode.o_proj --as asm");
  state->source.addOptions(*command);
  command->add_option("--phase", state->phase, "Print the module after this phase of the compiler; list: their names");
  command->add_option("--kernel", state->kernel, "Print one kernel");
  state->formOption = command->add_option("--as", state->form, "Form of the kernel: mlir, llvm or asm")
                          ->capture_default_str()
                          ->check(CLI::IsMember({"mlir", "llvm", "asm"}));
  command->add_flag("--memory", state->memory, "Only the memory plan: every program's arena, step by step");
  command->add_flag("--weights-table", state->weights, "Only the weights, with sources and transforms");
  command->add_flag("--json", state->json, "Print one object with everything");
  command->add_flag("-v,--verbose", state->verbose, "Say what is compiled and used, on standard error");
  command->callback([state, &action] { action = [state] { return state->run(); }; });
}

} // namespace quipu::tool
