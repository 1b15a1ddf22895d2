//===- Command.h - What the subcommands of quipu share ----------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMMAND_H
#define QUIPU_TOOLS_QUIPU_COMMAND_H

#include "tools/common/CommandLine.h"
#include "tools/common/Console.h"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::tool {

/// The work of a subcommand, after its flags were parsed. Returns the exit status. Throws Error (status 1) or
/// UsageError (status 2).
using Action = std::function<int()>;

/// Each of these functions adds a subcommand to the program. The subcommand's callback sets `action`.
void addRun(CLI::App &program, Action &action);
void addChat(CLI::App &program, Action &action);
void addServe(CLI::App &program, Action &action);
void addScore(CLI::App &program, Action &action);
void addLogits(CLI::App &program, Action &action);
void addTokenize(CLI::App &program, Action &action);
void addBench(CLI::App &program, Action &action);
void addProfile(CLI::App &program, Action &action);
void addTune(CLI::App &program, Action &action);
void addInspect(CLI::App &program, Action &action);
void addConvert(CLI::App &program, Action &action);
void addCache(CLI::App &program, Action &action);
void addDoctor(CLI::App &program, Action &action);
/// `completion`, and the hidden `pages`.
void addPages(CLI::App &program, Action &action);

/// Turns -pg, which users know from other programs, into --pg. CLI11 has no short options of two letters.
void spellOutBenchOptions(std::vector<std::string> &arguments);

/// Runs quipu-compile and returns its exit status. Its help and messages name it `quipu compile`. Throws Error if a
/// signal ended it.
int runCompiler(const std::vector<std::string> &arguments);

/// Path of quipu-compile, which lies beside this program. Throws Error if it does not exist.
std::string compilerPath();

/// The token ids in a text such as "1,2,3". Blanks and line ends may stand around the ids or instead of commas. Throws
/// UsageError that names the source (an option, a file) and the item that is not a token id.
std::vector<int32_t> parseTokens(const std::string &source, std::string_view text);

/// "1,2,3".
std::string joinTokens(const std::vector<int32_t> &tokens);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMMAND_H
