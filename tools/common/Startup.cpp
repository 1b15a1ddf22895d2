//===- Startup.cpp - What a parent hands down, set right ---------------------------------===//

#include "tools/common/Startup.h"
#include "runtime/support/InputFiles.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace quipu::tool {

static void fillDescriptors() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
      continue;
    // A new descriptor gets the lowest number that is free: this one. O_PATH allows neither reading nor writing.
    if (fd != STDERR_FILENO || open("/dev/null", O_WRONLY) < 0)
      (void)!open("/", O_PATH);
  }
}

static void resetSignals() {
  signal(SIGCHLD, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void startProgram() {
  fillDescriptors();
  resetSignals();
  static InputProtection protection;
  noteInput("/proc/self/exe");
}

} // namespace quipu::tool
