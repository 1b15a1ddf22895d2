//===- main.cpp - The quipu command ------------------------------------------------------===//
//
// Parses the command line and runs one subcommand. Links no LLVM: whatever needs the compiler starts quipu-compile,
// which lies beside this program. An executable that `quipu compile --emit executable` wrote is a copy of this program
// with a plan behind it, and runs that plan.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/core/Error.h"
#include "runtime/plan/Bundle.h"
#include "tools/common/Console.h"
#include "tools/quipu/Command.h"

#include <algorithm>
#include <new>
#include <string>
#include <vector>

using namespace quipu;
using namespace quipu::tool;

/// In the order of the help text; `plan`: takes a PLAN first, which an executable with a plan behind it inserts itself.
struct CommandName {
  const char *name;
  bool plan;
};
static constexpr CommandName kCommands[] = {{"compile", false}, {"run", true},     {"logits", true}, {"tokenize", true},
                                            {"bench", true},    {"inspect", true}, {"doctor", false}};

static const CommandName *findCommand(const std::string &name) {
  const CommandName *found =
      std::find_if(std::begin(kCommands), std::end(kCommands), [&](const CommandName &it) { return name == it.name; });
  return found == std::end(kCommands) ? nullptr : found;
}

/// Inserts the plan of this executable: `story "Once"` is `quipu run SELF "Once"`, `story inspect` is
/// `quipu inspect SELF`.
static void insertOwnPlan(std::vector<std::string> &arguments, const std::string &plan) {
  const CommandName *command = arguments.empty() ? nullptr : findCommand(arguments[0]);
  if (!command && !(arguments.size() == 1 && arguments[0] == "--version"))
    arguments.insert(arguments.begin(), "run");
  else if (!command || !command->plan)
    return;
  bool wantsHelp = arguments.size() > 1 && (arguments[1] == "--help" || arguments[1] == "-h");
  if (!wantsHelp)
    arguments.insert(arguments.begin() + 1, plan);
}

/// Refuses a first word that is no command with a list of those that exist, which CLI11 would not give.
static void checkCommand(const std::vector<std::string> &arguments) {
  std::string names;
  for (const CommandName &command : kCommands)
    names += std::string(names.empty() ? "" : ", ") + command.name;
  if (arguments.empty())
    throw UsageError("no command given; commands: " + names + " (quipu --help tells more)");
  if (arguments[0].starts_with("-") || findCommand(arguments[0]))
    return;
  throw UsageError("unknown command '" + arguments[0] + "'; commands: " + names);
}

static int runProgram(std::vector<std::string> arguments) {
  if (std::optional<std::string> plan = embeddedPlanPath())
    insertOwnPlan(arguments, *plan);
  checkCommand(arguments);
  if (arguments[0] == "compile")
    return runCompiler({arguments.begin() + 1, arguments.end()});

  CLI::App program("Quipu compiles LLaMA-family models and runs them.", "quipu");
  program.set_version_flag("--version", "quipu " QUIPU_VERSION, "Print the version");
  program.require_subcommand(1);
  program.footer(
      "Example:\n  quipu compile models/story -o story.qplan\n  quipu run story.qplan \"Once upon a time\"\n\n"
      "QUIPU_CACHE (else $XDG_CACHE_HOME/quipu) holds plans compiled on the fly.");
  program.add_subcommand("compile", "Compile a model to a plan, an executable or an intermediate form");
  Action action;
  addRun(program, action);
  addLogits(program, action);
  addTokenize(program, action);
  addBench(program, action);
  addInspect(program, action);
  addDoctor(program, action);

  try {
    std::reverse(arguments.begin(), arguments.end());
    program.parse(arguments);
  } catch (const CLI::Success &request) {
    // --help and --version: their text is a result.
    std::ostringstream text;
    program.exit(request, text, text);
    out().write(text.str());
    out().flush();
    return 0;
  } catch (const CLI::ParseError &error) {
    throw UsageError(error.what());
  }
  int status = action();
  out().flush();
  return status;
}

int main(int argc, char **argv) {
  try {
    return runProgram({argv + 1, argv + argc});
  } catch (const UsageError &error) {
    printError(error.what());
    return 2;
  } catch (const Error &error) {
    printError(error.what());
    return 1;
  } catch (const std::bad_alloc &) {
    printError("out of memory");
    return 1;
  } catch (const std::exception &error) {
    printError(error.what());
    return 1;
  }
}
