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

/// What a subcommand does once its flags are parsed; returns the exit status. Throws Error (status 1) or UsageError.
using Action = std::function<int()>;

/// Each of these adds one subcommand to the program; its callback sets `action`.
void addRun(CLI::App &program, Action &action);
void addLogits(CLI::App &program, Action &action);
void addTokenize(CLI::App &program, Action &action);
void addBench(CLI::App &program, Action &action);
void addInspect(CLI::App &program, Action &action);
void addCache(CLI::App &program, Action &action);
void addDoctor(CLI::App &program, Action &action);
/// `completion`, and the hidden `pages`.
void addPages(CLI::App &program, Action &action);

/// Turns -pg, which other programs have, into the --pg that CLI11 can be told of.
void spellOutBenchOptions(std::vector<std::string> &arguments);

/// Runs quipu-compile, whose help and messages then speak as `quipu compile`; returns its exit status. Throws
/// Error when a signal ended it.
int runCompiler(const std::vector<std::string> &arguments);

/// Path of quipu-compile, which lies beside this program; throws Error when it is not there.
std::string compilerPath();

/// "1,2,3" as token ids, with blanks or line ends around them or instead of the commas; throws UsageError naming the
/// source (an option, a file) and the item that is none.
std::vector<int32_t> parseTokens(const std::string &source, std::string_view text);

/// "1,2,3".
std::string joinTokens(const std::vector<int32_t> &tokens);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMMAND_H
