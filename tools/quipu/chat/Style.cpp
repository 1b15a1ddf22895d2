//===- Style.cpp - Colours on a terminal -------------------------------------------------===//

#include "tools/quipu/chat/Style.h"

#include <cstdlib>
#include <string_view>
#include <unistd.h>

namespace quipu::tool {

Style styleFor(int fd) {
  auto variable = [](const char *name) {
    const char *value = getenv(name);
    return std::string_view(value ? value : "");
  };
  std::string_view terminal = variable("TERM");
  if (!isatty(fd) || !variable("NO_COLOR").empty() || terminal.empty() || terminal == "dumb")
    return {};
  // Bold green; faint.
  return {.prompt = "\x1b[1;32m", .note = "\x1b[2m", .plain = "\x1b[0m"};
}

} // namespace quipu::tool
