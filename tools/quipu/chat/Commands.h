//===- Commands.h - What begins with a slash --------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_COMMANDS_H
#define QUIPU_TOOLS_QUIPU_CHAT_COMMANDS_H

#include <string>
#include <vector>

namespace quipu::tool {

class Repl;

/// Runs the command of a line, which comes without its slash. Throws Error if it does not succeed or there is no such
/// command.
void runCommand(Repl &repl, const std::string &line);

/// "/help" and so on.
std::vector<std::string> commandNames();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_COMMANDS_H
