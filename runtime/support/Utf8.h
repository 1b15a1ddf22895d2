//===- Utf8.h - Checking and repairing UTF-8 --------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_UTF8_H
#define QUIPU_RUNTIME_SUPPORT_UTF8_H

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace quipu {

/// Bytes of the character at the front of the text (not empty); 0 when its first byte is part of none.
size_t characterLength(std::string_view text);

/// Offset of the first byte that is no part of a UTF-8 character (surrogates, overlong forms and values above U+10FFFF
/// are none).
std::optional<size_t> firstInvalidByte(std::string_view text);

/// The character at the front of `text`, which must be valid UTF-8 and not empty.
char32_t codePointAt(std::string_view text);

/// Throws Error that names `what` and the offset of the first wrong byte.
void requireUtf8(std::string_view text, const char *what);

/// Moves the characters at the front of `pending` to the end of `out`; each byte that is part of none becomes U+FFFD.
/// Bytes that may still become a character stay, unless `final`.
void takeCharacters(std::string &pending, std::string &out, bool final);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_UTF8_H
