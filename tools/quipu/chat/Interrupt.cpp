//===- Interrupt.cpp - Ctrl-C stops an answer, and not the program -----------------------===//

#include "tools/quipu/chat/Interrupt.h"

namespace quipu::tool {

static volatile sig_atomic_t interrupted = 0;

static void noteInterrupt(int) { interrupted = 1; }

InterruptGuard::InterruptGuard() {
  interrupted = 0;
  struct sigaction action = {};
  action.sa_handler = noteInterrupt;
  // Reads and writes go on: what is stopped looks at the note.
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &before);
}

InterruptGuard::~InterruptGuard() { sigaction(SIGINT, &before, nullptr); }

bool InterruptGuard::isInterrupted() const { return interrupted != 0; }

} // namespace quipu::tool
