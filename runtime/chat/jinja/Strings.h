//===- Strings.h - What Python's texts can do -------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_STRINGS_H
#define QUIPU_RUNTIME_CHAT_JINJA_STRINGS_H

#include "runtime/chat/jinja/Run.h"

#include <optional>
#include <string_view>

namespace quipu::jinja {

/// Number of characters.
size_t lengthOf(Run &run, std::string_view text);
/// Where the character of that number begins; the end of the text for the number of its characters.
size_t byteOf(Run &run, std::string_view text, size_t character);

/// The first place from byte `from` on. Takes time that grows no faster than the texts.
std::optional<size_t> findText(Run &run, std::string_view text, std::string_view wanted, size_t from);

/// At both ends, or at one. `characters`: which ones; nothing: white space.
MarkedText stripped(Run &run, const MarkedText &text, std::optional<std::string_view> characters, bool left = true,
                    bool right = true);

/// At most `most` places; negative: all.
MarkedText replaced(Run &run, const MarkedText &text, std::string_view from, const MarkedText &to, int64_t most);

/// At most `most` cuts; negative: any number. Without a separator at white space, with no empty parts.
List split(Run &run, const MarkedText &text, std::optional<std::string_view> separator, int64_t most, bool fromRight);
List splitLines(Run &run, const MarkedText &text, bool keepEnds);

enum class Case { upper, lower, capitalize, title };
MarkedText inCase(Run &run, const MarkedText &text, Case form);
/// As Jinja's filter `title`, which takes white space and brackets for ends of words.
MarkedText filterTitle(Run &run, const MarkedText &text);

/// Whether there is a character, and all are of the kind.
enum class CharacterKind { space, digit, letter, letterOrDigit };
bool areAll(Run &run, std::string_view text, CharacterKind kind);
/// Words as Python's \w+ finds them: runs of letters, numbers and underscores.
int64_t countWords(Run &run, std::string_view text);
/// Whether there is a letter with two cases, and all such letters are in this one.
bool isInCase(Run &run, std::string_view text, bool upper);

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_STRINGS_H
