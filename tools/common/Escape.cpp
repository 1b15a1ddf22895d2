//===- Escape.cpp - Text that a terminal does not act on ---------------------------------===//

#include "tools/common/Escape.h"
#include "runtime/support/Utf8.h"

#include <cstdint>

namespace quipu::tool {

static std::string hex(uint32_t value, int digits) {
  std::string text;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    text += "0123456789abcdef"[value >> shift & 15];
  return text;
}

/// The code point of a character of up to three bytes. Characters of four bytes are never escaped.
static uint32_t codePoint(std::string_view character) {
  auto bits = [&](size_t i) { return uint32_t(uint8_t(character[i]) & 0x3f); };
  switch (character.size()) {
  case 1:
    return uint8_t(character[0]);
  case 2:
    return uint32_t(uint8_t(character[0]) & 0x1f) << 6 | bits(1);
  case 3:
    return uint32_t(uint8_t(character[0]) & 0x0f) << 12 | bits(1) << 6 | bits(2);
  default:
    return 0x10000;
  }
}

/// Whether it is a C0 or C1 control, a separator of lines, or a character that marks, embeds, overrides or isolates a
/// direction.
static bool actsOnTerminals(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x061c || code == 0x200e || code == 0x200f;
}

static std::string escape(std::string_view text, bool keepLines, bool isJson) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    size_t length = characterLength(text);
    uint32_t code = length ? codePoint(text.substr(0, length)) : uint8_t(text[0]);
    bool isLine = code == '\n' || code == '\t';
    if (length && (!actsOnTerminals(code) || (keepLines && isLine)))
      result += text.substr(0, length);
    else if (code < 0x80 ? !isJson : !length)
      result += "\\x" + hex(code, 2);
    else
      result += "\\u" + hex(code, 4);
    text.remove_prefix(length ? length : 1);
  }
  return result;
}

std::string printable(std::string_view text) { return escape(text, /*keepLines=*/true, /*isJson=*/false); }

std::string printableLine(std::string_view text) { return escape(text, /*keepLines=*/false, /*isJson=*/false); }

std::string printableJson(std::string_view json) { return escape(json, /*keepLines=*/true, /*isJson=*/true); }

} // namespace quipu::tool
