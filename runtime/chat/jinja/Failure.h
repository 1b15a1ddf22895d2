//===- Failure.h - What is wrong with a template ----------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_FAILURE_H
#define QUIPU_RUNTIME_CHAT_JINJA_FAILURE_H

#include "runtime/support/Error.h"

#include <stdexcept>
#include <string>

namespace quipu::jinja {

/// Ends the reading or the run of a template. Template.cpp makes an Error of it, with the template's name and the line.
class Failure : public std::runtime_error {
public:
  /// `line` 0: the line that runs.
  explicit Failure(const std::string &message, unsigned line = 0) : std::runtime_error(message), line(line) {}
  unsigned line;
};

/// Throws Failure whose message is concat(arguments).
template <typename... Args> [[noreturn]] void refuse(const Args &...args) { throw Failure(concat(args...)); }

/// "'name'", cut where it is long, for messages.
std::string shown(std::string_view text);

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_FAILURE_H
