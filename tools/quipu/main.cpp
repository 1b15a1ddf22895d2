//===- main.cpp - The quipu command ------------------------------------------------------===//
//
// Parses the command line and runs one subcommand. Links no LLVM: whatever needs the compiler starts quipu-compile,
// which lies beside this program. An executable that `quipu compile --emit executable` wrote is a copy of this program
// with a plan behind it, and runs that plan.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/plan/Bundle.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/common/Startup.h"
#include "tools/common/StatusLine.h"
#include "tools/common/Suggestion.h"
#include "tools/quipu/Command.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <string>
#include <vector>

using namespace quipu;
using namespace quipu::tool;

/// In the order of the help text; `hidden`: for the build alone.
struct CommandName {
  const char *name;
  bool hidden = false;
};
static constexpr CommandName kCommands[] = {{"compile"}, {"run"},      {"chat"},       {"serve"},   {"score"},
                                            {"logits"},  {"tokenize"}, {"bench"},      {"profile"}, {"tune"},
                                            {"inspect"}, {"convert"},  {"cache"},      {"doctor"},  {"completion"},
                                            {"help"},    {"version"},  {"pages", true}};

static const CommandName *findCommand(const std::string &name) {
  const CommandName *found =
      std::find_if(std::begin(kCommands), std::end(kCommands), [&](const CommandName &it) { return name == it.name; });
  return found == std::end(kCommands) ? nullptr : found;
}

/// An executable with a plan behind it runs when no command is named: `story "Once"` is `story run "Once"`.
/// `story help me` is a prompt, `story help run` is not.
static void insertRun(std::vector<std::string> &arguments) {
  const CommandName *command = arguments.empty() ? nullptr : findCommand(arguments[0]);
  bool isAboutQuipu = command && (arguments[0] == "help" || arguments[0] == "version");
  if (isAboutQuipu && arguments.size() > 1 && !findCommand(arguments[1]))
    command = nullptr;
  if (!command && !(arguments.size() == 1 && arguments[0] == "--version"))
    arguments.insert(arguments.begin(), "run");
}

/// Refuses a first word that is not a command. The message lists the commands; CLI11's message would not. `arguments`
/// is the whole command line.
static void checkCommand(const std::vector<std::string> &arguments) {
  std::string names;
  std::vector<std::string> all;
  for (const CommandName &command : kCommands) {
    if (command.hidden)
      continue;
    names += std::string(names.empty() ? "" : ", ") + command.name;
    all.emplace_back(command.name);
  }
  if (arguments.empty())
    throw UsageError("no command given; commands: " + names + " (quipu --help tells more)");
  const std::string &word = arguments[0];
  if (word.starts_with("-") || findCommand(word))
    return;
  std::error_code error;
  std::string meant = didYouMean(word, all);
  if (meant.empty() && std::filesystem::exists(word, error)) {
    meant = "; did you mean quipu run";
    for (const std::string &argument : arguments)
      meant += " " + shellWord(argument);
    meant += "?";
  }
  throw UsageError("unknown command '" + word + "'" + meant + (meant.empty() ? "; commands: " : " Commands: ") + names);
}

/// `quipu help run` is `quipu run --help`, `quipu version` is `quipu --version`.
static void replaceHelp(std::vector<std::string> &arguments) {
  if (arguments[0] == "version" && arguments.size() == 1) {
    arguments = {"--version"};
  } else if (arguments[0] == "help" && arguments.size() == 1) {
    arguments = {"--help"};
  } else if (arguments[0] == "help" && arguments.size() == 2) {
    checkCommand({arguments[1]});
    bool hasOptions = arguments[1] != "help" && arguments[1] != "version";
    arguments = hasOptions ? std::vector<std::string>{arguments[1], "--help"} : std::vector<std::string>{"--help"};
  }
}

static int runProgram(std::vector<std::string> arguments) {
  showProgress("quipu");
  std::optional<std::string> ownPlan = embeddedPlanPath();
  if (ownPlan)
    insertRun(arguments);
  checkCommand(arguments);
  replaceHelp(arguments);
  if (arguments[0] == "compile")
    return runCompiler({arguments.begin() + 1, arguments.end()});
  if (arguments[0] == "bench")
    spellOutBenchOptions(arguments);

  CLI::App program("Quipu compiles LLaMA-family models and runs them.", "quipu");
  program.set_version_flag("--version", "quipu " QUIPU_VERSION, "Print the version");
  program.require_subcommand(1);
  program.footer(
      "Example:\n  quipu compile models/story -o story.qplan\n  quipu run story.qplan \"Once upon a time\"\n\n"
      "QUIPU_CACHE (else $XDG_CACHE_HOME/quipu) holds plans compiled on the fly. QUIPU_KERNEL_CACHE is a folder "
      "in which the compiler keeps kernels that it has compiled, and takes them from there. QUIPU_CODE_FOLDER is a "
      "folder in which the code of CPU plans stays, for profilers.");
  program.add_subcommand("compile", "Compile a model to a plan, an executable or an intermediate form");
  Action action;
  addRun(program, action);
  addChat(program, action);
  addServe(program, action);
  addScore(program, action);
  addLogits(program, action);
  addTokenize(program, action);
  addBench(program, action);
  addProfile(program, action);
  addTune(program, action);
  addInspect(program, action);
  addConvert(program, action);
  addCache(program, action);
  addDoctor(program, action);
  addPages(program, action);
  CLI::App *help = program.add_subcommand("help", "Show the commands, or the options of one: quipu help run");
  // Both are replaced above; what is left has words that nobody expects.
  std::string command;
  help->add_option("COMMAND", command, "The command");
  program.add_subcommand("version", "Print the version");

  try {
    parseCommandLine(program, std::move(arguments), ownPlan.value_or(""));
  } catch (const CLI::Success &request) {
    // --help and --version: their text is a result.
    std::ostringstream text;
    program.exit(request, text, text);
    out().write(text.str());
    out().flush();
    return 0;
  }
  int status = action();
  out().flush();
  return status;
}

int main(int argc, char **argv) {
  startProgram();
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
