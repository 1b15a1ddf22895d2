//===- Command.h - What the subcommands of quipu share ----------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMMAND_H
#define QUIPU_TOOLS_QUIPU_COMMAND_H

#include "tools/common/Console.h"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <string>
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
void addDoctor(CLI::App &program, Action &action);

/// Runs quipu-compile, whose help and messages then speak as `quipu compile`; returns its exit status.
int runCompiler(const std::vector<std::string> &arguments);

/// Path of quipu-compile, which lies beside this program; throws Error when it is not there.
std::string compilerPath();

/// Accepts whole numbers from 1 on.
CLI::Validator isPositiveCount();
/// Accepts whole numbers of 64 bits.
CLI::Validator isSeed();

/// "1,2,3" as token ids; throws UsageError naming the flag and the item that is none.
std::vector<int32_t> parseTokens(const std::string &flag, const std::string &text);

/// "1,2,3".
std::string joinTokens(const std::vector<int32_t> &tokens);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMMAND_H
