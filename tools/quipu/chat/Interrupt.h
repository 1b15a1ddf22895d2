//===- Interrupt.h - Ctrl-C stops an answer, and not the program ------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_CHAT_INTERRUPT_H
#define QUIPU_TOOLS_QUIPU_CHAT_INTERRUPT_H

#include <csignal>

namespace quipu::tool {

/// While it lives, SIGINT is noted and does nothing else. There may be one in another.
class InterruptGuard {
public:
  /// Forgets what was noted before.
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard &) = delete;
  InterruptGuard &operator=(const InterruptGuard &) = delete;

  bool isInterrupted() const;

private:
  struct sigaction before = {};
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_CHAT_INTERRUPT_H
