//===- Console.cpp - Results on stdout, messages on stderr -------------------------------===//

#include "tools/common/Console.h"
#include "runtime/support/Descriptor.h"
#include "runtime/support/Error.h"
#include "runtime/support/InputFiles.h"
#include "tools/common/Escape.h"
#include "tools/common/StatusLine.h"

#include <cstdio>
#include <iterator>
#include <unistd.h>
#include <utility>

namespace quipu::tool {

void Out::write(std::string_view text) { buffer += printable(text); }

void Out::writeText(std::string_view text) {
  static const bool isTerminal = isatty(STDOUT_FILENO) == 1;
  if (isTerminal)
    buffer += printable(text);
  else
    buffer += text;
}

void Out::flush() {
  std::string bytes;
  bytes.swap(buffer);
  if (bytes.empty())
    return;
  checkInputs();
  StatusPause pause;
  if (int error = writeAll(STDOUT_FILENO, bytes.data(), bytes.size()))
    fail("standard output: cannot write", errnoSuffix(error));
}

void Out::checkInputs() {
  if (comparedInputs == inputCount())
    return;
  comparedInputs = inputCount();
  struct stat status;
  if (fstat(STDOUT_FILENO, &status) != 0)
    return;
  if (std::optional<std::string> input = findReadInput(status))
    fail("standard output: cannot write: it goes into ", *input, "; name another file for the output");
}

Out &out() {
  static Out instance;
  return instance;
}

void printText(std::string_view text) {
  StatusPause pause;
  (void)writeAll(STDERR_FILENO, text.data(), text.size());
}

static void printLine(std::string_view prefix, std::string_view message) {
  // Each message is one call, so that lines of several programs do not mix on a terminal.
  std::string line = printable(prefix);
  for (char c : printable(message)) {
    if (line.ends_with('\n') && c != ' ' && c != '\n')
      line += "  ";
    line += c;
  }
  line += "\n";
  printText(line);
}

static std::string &programName() {
  static std::string name = "quipu";
  return name;
}

void setProgramName(std::string name) { programName() = std::move(name); }

void printError(std::string_view message) { printLine(programName() + ": error: ", message); }

void printNote(std::string_view message) { printLine(programName() + ": ", message); }

bool errorIsTerminal() { return isatty(STDERR_FILENO) == 1; }

static std::string scaled(double bytes, double base, const char *const (&units)[5]) {
  size_t unit = 0;
  while (bytes >= base && unit + 1 < std::size(units)) {
    bytes /= base;
    ++unit;
  }
  return fixed(bytes, unit == 0 ? 0 : 1) + " " + units[unit];
}

std::string decimalBytes(double bytes) { return scaled(bytes, 1000, {"B", "kB", "MB", "GB", "TB"}); }

std::string binaryBytes(double bytes) { return scaled(bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB"}); }

std::string fixed(double value, int decimals) {
  char text[64];
  snprintf(text, sizeof(text), "%.*f", decimals, value);
  return text;
}

} // namespace quipu::tool
