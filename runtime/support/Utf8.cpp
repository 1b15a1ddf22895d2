//===- Utf8.cpp - Checking and repairing UTF-8 -------------------------------------------===//

#include "runtime/support/Utf8.h"
#include "runtime/support/Error.h"

#include <cstdint>

namespace quipu {
namespace {

/// What a text begins with.
struct Scan {
  /// Bytes of the character. 0 if the first byte is not part of a character, or the text ends inside it.
  size_t length;
  /// Whether the text ends inside a sequence that may become a character.
  bool unfinished;
  /// Bytes that begin a character, which the byte behind them does not continue; at least 1.
  size_t begun = 1;
};

Scan scan(std::string_view text) {
  uint8_t lead = uint8_t(text[0]);
  if (lead < 0x80)
    return {1, false};
  size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4)
    return {0, false};
  // The second byte's range excludes overlong forms, surrogates, and values above U+10FFFF.
  uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size())
      return {0, true, i};
    uint8_t byte = uint8_t(text[i]);
    if (byte < low || byte > high)
      return {0, false, i};
    low = 0x80;
    high = 0xbf;
  }
  return {length, false};
}

} // namespace

size_t characterLength(std::string_view text) { return scan(text).length; }

std::optional<size_t> firstInvalidByte(std::string_view text) {
  for (size_t offset = 0; offset < text.size();) {
    size_t length = scan(text.substr(offset)).length;
    if (length == 0)
      return offset;
    offset += length;
  }
  return std::nullopt;
}

char32_t codePointAt(std::string_view text) {
  uint8_t lead = uint8_t(text[0]);
  size_t length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  char32_t value = length == 1 ? lead : lead & (0xffu >> (length + 1));
  for (size_t i = 1; i < length && i < text.size(); ++i)
    value = value << 6 | (uint8_t(text[i]) & 0x3f);
  return value;
}

void requireUtf8(std::string_view text, const char *what) {
  std::optional<size_t> offset = firstInvalidByte(text);
  if (!offset)
    return;
  static const char digits[] = "0123456789abcdef";
  uint8_t byte = uint8_t(text[*offset]);
  fail(what, " is not UTF-8: byte ", *offset, " is 0x", digits[byte >> 4], digits[byte & 15],
       ", which is no part of a character; convert the text to UTF-8");
}

void takeCharacters(std::string &pending, std::string &out, bool final, BadBytes bad) {
  size_t offset = 0;
  while (offset < pending.size()) {
    std::string_view rest = std::string_view(pending).substr(offset);
    Scan found = scan(rest);
    if (found.unfinished && !final)
      break;
    if (found.length == 0) {
      out += "\xef\xbf\xbd";
      offset += bad == BadBytes::begun ? found.begun : 1;
      continue;
    }
    out += rest.substr(0, found.length);
    offset += found.length;
  }
  pending.erase(0, offset);
}

} // namespace quipu
