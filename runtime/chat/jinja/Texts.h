//===- Texts.h - Values as texts ---------------------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_TEXTS_H
#define QUIPU_RUNTIME_CHAT_JINJA_TEXTS_H

#include "runtime/chat/jinja/Run.h"

namespace quipu::jinja {

/// Python's str(). An undefined value gives nothing.
MarkedText textOf(Run &run, const Value &value);
/// Appends Python's str().
void appendText(Run &run, MarkedText &out, const Value &value);
/// Appends Python's repr(): texts have quotes.
void appendRepr(Run &run, MarkedText &out, const Value &value);
/// As Python writes it: with as few digits as tell it from others.
std::string textOfDouble(double value);

/// How json.dumps writes it.
struct JsonStyle {
  /// Before each level of a value on lines of its own; nothing: all in one line.
  std::optional<std::string> indent;
  std::string itemSeparator = ", ", keySeparator = ": ";
  bool sortKeys = false;
  bool asciiAlone = false;
};
MarkedText jsonOf(Run &run, const Value &value, const JsonStyle &style);

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_TEXTS_H
