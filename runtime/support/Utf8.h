//===- Utf8.h - Checking and repairing UTF-8 --------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_UTF8_H
#define QUIPU_RUNTIME_SUPPORT_UTF8_H

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace quipu {

/// Bytes of the character at the front of the text, which must not be empty. 0 if the first byte is not part of a
/// character.
size_t characterLength(std::string_view text);

/// Offset of the first byte that is not part of a UTF-8 character. Surrogates, overlong forms and values above U+10FFFF
/// are not characters.
std::optional<size_t> firstInvalidByte(std::string_view text);

/// The character at the front of `text`, which must be valid UTF-8 and not empty.
char32_t codePointAt(std::string_view text);

/// Throws Error that names `what` and the offset of the first wrong byte.
void requireUtf8(std::string_view text, const char *what);

/// How many times U+FFFD stands for bytes that are no character.
enum class BadBytes {
  /// Once for each byte.
  each,
  /// Once for bytes that begin a character together and do not finish it, as Unicode recommends.
  begun
};

/// Moves characters from the front of `pending` to the end of `out`. Bytes that are not part of a character become
/// U+FFFD. Bytes at the end that may still become a character stay in `pending`, unless `final`.
void takeCharacters(std::string &pending, std::string &out, bool final, BadBytes bad);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_UTF8_H
