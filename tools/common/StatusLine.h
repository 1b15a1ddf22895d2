//===- StatusLine.h - What takes so long ---------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_STATUSLINE_H
#define QUIPU_TOOLS_COMMON_STATUSLINE_H

namespace quipu::tool {

/// From now on work that takes over a second (Progress.h) is shown in a line at the end of standard error. Standard
/// error must be a terminal on which a line can be removed. The line disappears when the work is done. `program`: first
/// word of the line.
void showProgress(const char *program);

/// Removes the line while something else is written to the terminal. It comes again when there is more to show.
class StatusPause {
public:
  StatusPause();
  ~StatusPause();
  StatusPause(const StatusPause &) = delete;
  StatusPause &operator=(const StatusPause &) = delete;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_STATUSLINE_H
