//===- StatusLine.h - What takes so long ---------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_STATUSLINE_H
#define QUIPU_TOOLS_COMMON_STATUSLINE_H

namespace quipu::tool {

/// From now on work that takes over a second (Progress.h) is shown in a line at the end of standard error, if that is a
/// terminal which can take a line back; the line is gone when the work is done. `program`: its first word.
void showProgress(const char *program);

/// Takes the line back while something else is written to the terminal; it comes again when there is more to show.
class StatusPause {
public:
  StatusPause();
  ~StatusPause();
  StatusPause(const StatusPause &) = delete;
  StatusPause &operator=(const StatusPause &) = delete;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_STATUSLINE_H
