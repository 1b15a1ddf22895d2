//===- MarkedText.h - A text that knows where its bytes come from -----*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_MARKEDTEXT_H
#define QUIPU_RUNTIME_CHAT_MARKEDTEXT_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {

/// Bits that say where a byte of a conversation's text comes from. 0: the template wrote it.
using TextMarks = uint8_t;
inline constexpr TextMarks kFromMessage = 1;
/// The content of an assistant's message, or what ends it.
inline constexpr TextMarks kAnswer = 2;
/// The template says that the model writes it ({% generation %}).
inline constexpr TextMarks kGenerated = 4;

/// UTF-8 text whose bytes have marks. Marks go with the bytes through every change of the text.
class MarkedText {
public:
  MarkedText() = default;
  MarkedText(std::string text, TextMarks marks = 0);
  MarkedText(const char *text) : MarkedText(std::string(text)) {}

  const std::string &bytes() const { return text; }
  size_t size() const { return text.size(); }
  bool empty() const { return text.empty(); }

  void append(std::string_view more, TextMarks marks);
  void append(const MarkedText &more);
  /// Appends the bytes from `begin` to `end` of another text.
  void append(const MarkedText &from, size_t begin, size_t end);
  MarkedText slice(size_t begin, size_t end) const;

  TextMarks marksAt(size_t byte) const;
  /// Gives these marks to the bytes from `begin` to `end`, beside those that they have.
  void mark(size_t begin, size_t end, TextMarks marks);
  void mark(TextMarks marks) { mark(0, size(), marks); }

  /// Bytes with the same marks, as many as follow each other.
  struct Run {
    size_t begin;
    size_t end;
    TextMarks marks;
  };
  std::vector<Run> runs() const;

  /// Without the white space at its ends, as Python's strip().
  MarkedText strip() const;

  bool operator==(const MarkedText &other) const { return text == other.text; }

private:
  struct RunEnd {
    size_t end;
    TextMarks marks;
  };
  /// The first run that ends behind `byte`.
  size_t runAt(size_t byte) const;
  void appendRun(size_t length, TextMarks marks);

  std::string text;
  /// In order; no two neighbours have the same marks.
  std::vector<RunEnd> ends;
};

/// Python's str.isspace() of a character.
bool isPythonSpace(char32_t c);

} // namespace quipu

#endif // QUIPU_RUNTIME_CHAT_MARKEDTEXT_H
