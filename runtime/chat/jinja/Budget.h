//===- Budget.h - How much a template may do --------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_BUDGET_H
#define QUIPU_RUNTIME_CHAT_JINJA_BUDGET_H

#include <cstddef>
#include <cstdint>

namespace quipu::jinja {

/// Limits for templates, which come from foreign files. Real ones stay far below; a run up to a limit takes less than a
/// second.
inline constexpr size_t kMaxSourceBytes = 1u << 20;
/// Levels of parentheses, blocks and operators in the source.
inline constexpr unsigned kMaxNesting = 100;
/// Filters, calls and subscripts behind one value.
inline constexpr unsigned kMaxChain = 200;
/// Levels of expressions, blocks and macros while a template runs.
inline constexpr unsigned kMaxDepth = 400;
/// Levels of lists within lists.
inline constexpr unsigned kMaxValueDepth = 64;
/// Expressions, statements and items of lists.
inline constexpr uint64_t kMaxSteps = 1'000'000, kStepsOfMessage = 200;
/// Bytes that are read or written.
inline constexpr uint64_t kMaxWork = 256u << 20, kWorkOfByte = 64;
/// Bytes of one text, and of the output.
inline constexpr uint64_t kMaxTextBytes = 16u << 20, kTextOfByte = 4;

/// What a run has done. Each function throws Failure when it is too much.
class Budget {
public:
  /// For a conversation of so many messages and bytes.
  Budget(uint64_t messages, uint64_t bytes)
      : stepsLeft(kMaxSteps + messages * kStepsOfMessage), workLeft(kMaxWork + bytes * kWorkOfByte),
        longest(kMaxTextBytes + bytes * kTextOfByte) {}

  void step(uint64_t count = 1) {
    if (count > stepsLeft)
      refuseSteps();
    stepsLeft -= count;
  }
  void work(uint64_t bytes) {
    if (bytes > workLeft)
      refuseSteps();
    workLeft -= bytes;
  }
  /// A text becomes `bytes` long.
  void length(uint64_t bytes) const {
    if (bytes > longest)
      refuseLength();
  }

  void enter() {
    if (++depth > kMaxDepth)
      refuseDepth();
  }
  void leave() { --depth; }

private:
  [[noreturn]] static void refuseSteps();
  [[noreturn]] void refuseLength() const;
  [[noreturn]] static void refuseDepth();

  uint64_t stepsLeft, workLeft, longest;
  unsigned depth = 0;
};

/// A level of a run.
class Level {
public:
  explicit Level(Budget &budget) : budget(budget) { budget.enter(); }
  ~Level() { budget.leave(); }
  Level(const Level &) = delete;
  Level &operator=(const Level &) = delete;

private:
  Budget &budget;
};

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_BUDGET_H
