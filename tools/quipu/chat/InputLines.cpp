//===- InputLines.cpp - Standard input line by line --------------------------------------===//

#include "tools/quipu/chat/InputLines.h"
#include "runtime/support/Descriptor.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"

#include <cerrno>
#include <unistd.h>

namespace quipu::tool {

/// Bytes.
static constexpr size_t kMaxLine = size_t(256) << 20;

std::optional<std::string> InputLines::next() {
  buffer.erase(0, used);
  used = 0;
  size_t searched = 0, end;
  while ((end = buffer.find('\n', searched)) == std::string::npos && !isOver) {
    searched = buffer.size();
    if (searched > kMaxLine)
      fail("standard input: line ", count + 1, " is longer than ", binaryBytes(double(kMaxLine)),
           ", which no message is");
    char bytes[65536];
    ssize_t got = readSome(STDIN_FILENO, bytes, sizeof(bytes));
    if (got < 0)
      fail("standard input: cannot read", errnoSuffix(errno));
    isOver = got == 0;
    buffer.append(bytes, size_t(got));
  }
  if (buffer.empty())
    return std::nullopt;
  ++count;
  std::string line = buffer.substr(0, end);
  used = end == std::string::npos ? buffer.size() : end + 1;
  if (line.ends_with('\r'))
    line.pop_back();
  return line;
}

} // namespace quipu::tool
