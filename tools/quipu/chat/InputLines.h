//===- InputLines.h - Standard input line by line ---------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_INPUTLINES_H
#define QUIPU_TOOLS_QUIPU_CHAT_INPUTLINES_H

#include <cstddef>
#include <optional>
#include <string>

namespace quipu::tool {

class InputLines {
public:
  /// The next line, without its end. Nothing: the input has ended. Throws Error if it cannot be read, or a line is
  /// longer than any context.
  std::optional<std::string> next();

  /// Number of the line that was read last, from 1.
  size_t number() const { return count; }

private:
  /// Bytes that were read, of which the first `used` were given out.
  std::string buffer;
  size_t used = 0;
  size_t count = 0;
  bool isOver = false;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_INPUTLINES_H
