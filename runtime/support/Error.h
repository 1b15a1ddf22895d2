//===- Error.h - The one exception of the runtime ---------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_ERROR_H
#define QUIPU_RUNTIME_SUPPORT_ERROR_H

#include <sstream>
#include <stdexcept>
#include <string>

namespace quipu {

/// Every failure that a user may meet. what() is the whole message: it names the file and the field, says what was
/// found and what is supported, and what to do. It has no "error:" prefix and no trailing newline.
class Error : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Prints its arguments one after the other into a string.
template <typename... Args> std::string concat(const Args &...args) {
  std::ostringstream stream;
  (stream << ... << args);
  return stream.str();
}

/// Throws Error whose message is concat(arguments).
template <typename... Args> [[noreturn]] void fail(const Args &...args) { throw Error(concat(args...)); }

/// ": No space left on device" for an errno value.
std::string errnoSuffix(int error);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_ERROR_H
