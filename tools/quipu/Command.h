//===- Command.h - What the subcommands of quipu share ----------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMMAND_H
#define QUIPU_TOOLS_QUIPU_COMMAND_H

#include <CLI/CLI.hpp>

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace quipu::tool {

/// The command line makes no sense: reported as "quipu: error: ..." with exit status 2.
class UsageError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// What a subcommand does once its flags are parsed; returns the exit status. Throws Error (status 1) or UsageError.
using Action = std::function<int()>;

/// Each of these adds one subcommand to the program; its callback sets `action`.
void addRun(CLI::App &program, Action &action);
void addLogits(CLI::App &program, Action &action);
void addTokenize(CLI::App &program, Action &action);
void addBench(CLI::App &program, Action &action);
void addInspect(CLI::App &program, Action &action);
void addDoctor(CLI::App &program, Action &action);

/// `quipu compile ARGS...`: quipu-compile with the same arguments, whose help and messages speak as `quipu compile`.
int compileCommand(const std::vector<std::string> &arguments);

/// "1,2,3" as token ids; throws UsageError naming the flag and the item that is none.
std::vector<int32_t> parseTokens(const std::string &flag, const std::string &text);

/// "1,2,3".
std::string joinTokens(const std::vector<int32_t> &tokens);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMMAND_H
