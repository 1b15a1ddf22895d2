//===- AccessLog.h - A line of JSON for each answer ----------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_ACCESSLOG_H
#define QUIPU_TOOLS_QUIPU_SERVE_ACCESSLOG_H

#include "tools/quipu/serve/http/Http.h"

#include <string>

namespace quipu::serve {

/// A log without prompts, answers and keys. A line that cannot be written is lost, and said so once on standard error:
/// a full disk stops no answer.
class AccessLog {
public:
  /// `path`: lines are added at its end. "-": standard error. Empty: no log. Throws Error if it cannot be opened.
  explicit AccessLog(std::string path);
  ~AccessLog();
  AccessLog(const AccessLog &) = delete;
  AccessLog &operator=(const AccessLog &) = delete;

  void write(const HttpRecord &record);
  /// Opens the file anew, for programs that rename logs. If that fails the old one stays open, and it is said on
  /// standard error.
  void reopen();

private:
  int open() const;

  std::string path;
  int fd = -1;
  bool hasFailed = false;
};

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_ACCESSLOG_H
