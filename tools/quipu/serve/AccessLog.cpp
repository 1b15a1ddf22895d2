//===- AccessLog.cpp - A line of JSON for each answer ---------------------------------------===//

#include "tools/quipu/serve/AccessLog.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/quipu/JsonText.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <unistd.h>

namespace quipu::serve {

AccessLog::AccessLog(std::string path) : path(std::move(path)) {
  if (!this->path.empty())
    fd = open();
}

AccessLog::~AccessLog() {
  if (fd > STDERR_FILENO)
    close(fd);
}

int AccessLog::open() const {
  if (path == "-")
    return STDERR_FILENO;
  int opened = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (opened < 0)
    fail("--log-file ", path, ": cannot open it to write", errnoSuffix(errno));
  return opened;
}

void AccessLog::reopen() {
  if (path.empty() || path == "-")
    return;
  try {
    int opened = open();
    close(fd);
    fd = opened;
    hasFailed = false;
  } catch (const Error &error) {
    tool::printError(error.what());
  }
}

/// "2026-11-29T12:31:55.123Z".
static std::string timeText() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct tm parts;
  gmtime_r(&now.tv_sec, &parts);
  char text[40];
  size_t size = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(text + size, sizeof(text) - size, ".%03ldZ", now.tv_nsec / 1000000);
  return text;
}

void AccessLog::write(const HttpRecord &record) {
  if (fd < 0)
    return;
  const HttpHead &head = *record.head;
  nlohmann::ordered_json line = {{"time", timeText()},
                                 {"id", head.id},
                                 {"remote", head.remote},
                                 {"method", head.method.substr(0, 32)},
                                 {"path", head.path.substr(0, 256)},
                                 {"status", record.status},
                                 {"seconds", std::round(record.seconds * 1e6) / 1e6},
                                 {"sent_bytes", record.sentBytes},
                                 {"cut", record.isCut}};
  for (const HttpField &note : *record.notes)
    line[note.name] = nlohmann::ordered_json::parse(note.value, nullptr, /*allow_exceptions=*/false);
  std::string text = tool::jsonText(line, -1) + "\n";
  // One call, so that lines of several writers do not mix.
  if (::write(fd, text.data(), text.size()) == ssize_t(text.size()))
    return;
  if (!std::exchange(hasFailed, true))
    tool::printError(concat("--log-file ", path, ": lines are lost", errnoSuffix(errno)));
}

} // namespace quipu::serve
