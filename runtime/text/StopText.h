//===- StopText.h - Texts that end generation -------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_STOPTEXT_H
#define QUIPU_RUNTIME_TEXT_STOPTEXT_H

#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// Looks for texts in what comes piece by piece, wherever the borders of the pieces lie.
class StopText {
public:
  /// Empty stops are ignored.
  explicit StopText(std::vector<std::string> stops);

  /// Appends a piece, and returns the text that is no part of a stop, whatever follows. The end of a piece that may be
  /// the beginning of a stop is kept back. Once a stop is found, nothing from its first letter on is given out.
  std::string push(std::string_view piece);

  /// The text that was kept back; for when no more text comes.
  std::string finish();

  bool found() const { return isFound; }

private:
  std::vector<std::string> stops;
  std::string waiting;
  bool isFound = false;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_STOPTEXT_H
