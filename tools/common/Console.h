//===- Console.h - Results on stdout, messages on stderr --------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_CONSOLE_H
#define QUIPU_TOOLS_COMMON_CONSOLE_H

#include <stdexcept>
#include <string>
#include <string_view>

namespace quipu::tool {

/// The command line makes no sense: reported as "quipu: error: ..." with exit status 2.
class UsageError : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Standard output that reports errors: a full disk is an Error, not an incomplete result. Output into a file that was
/// read (`>>`) is refused.
class Out {
public:
  /// Writes a text of Quipu. It may quote names from files, so control characters are escaped (Escape.h).
  void write(std::string_view text);
  /// Writes a text that is the result, such as what a model wrote. A program gets it unchanged; on a terminal control
  /// characters are escaped. `text` must have whole characters.
  void writeText(std::string_view text);
  /// Throws Error if the system refuses.
  void flush();

private:
  void checkInputs();

  std::string buffer;
  /// Number of inputs that standard output was already compared with.
  size_t comparedInputs = 0;
};
Out &out();

/// Name in front of messages; "quipu" unless set.
void setProgramName(std::string name);

/// "NAME: error: MESSAGE" on standard error, with control characters escaped; further lines of the message are
/// indented, so that nothing that it quotes looks like another message.
void printError(std::string_view message);

/// "NAME: MESSAGE" on standard error, in the same way.
void printNote(std::string_view message);

/// Text as it is on standard error.
void printText(std::string_view text);

/// Whether remarks such as what is being compiled may appear on standard error. They do only if it is a terminal.
bool errorIsTerminal();

/// Bytes as people read them: "269.0 MB" (decimal), "64.0 MiB" (binary).
std::string decimalBytes(double bytes);
std::string binaryBytes(double bytes);

/// printf-style number with so many decimals.
std::string fixed(double value, int decimals);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_CONSOLE_H
