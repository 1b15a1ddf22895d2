//===- TextLiteral.cpp - 'a\n' in a template ---------------------------------------------===//

#include "runtime/chat/jinja/TextLiteral.h"
#include "runtime/chat/jinja/Failure.h"

#include <charconv>

namespace quipu::jinja {

static void appendCharacter(std::string &out, uint32_t c) {
  if (c < 0x80) {
    out += char(c);
    return;
  }
  unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static constexpr uint8_t kLead[] = {0, 0xc0, 0xe0, 0xf0};
  out += char(kLead[more] | (c >> (6 * more)));
  while (more-- > 0)
    out += char(0x80 | ((c >> (6 * more)) & 0x3f));
}

/// The number that up to `most` digits spell, which are removed; `exact`: there must be as many.
static uint32_t takeNumber(std::string_view &rest, size_t most, int base, bool exact, unsigned line) {
  uint32_t value = 0;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + std::min(most, rest.size()), value, base);
  size_t length = size_t(end - rest.data());
  bool isCharacter = value <= 0x10ffff && !(value >= 0xd800 && value <= 0xdfff);
  if (error != std::errc() || (exact && length != most) || !isCharacter)
    throw Failure(concat("the escape before ", shown(rest.substr(0, 10)), " is no character"), line);
  rest.remove_prefix(length);
  return value;
}

std::string textOfLiteral(std::string_view literal, unsigned line) {
  static constexpr std::string_view kNames = "nrtabfv\\'\"", kMeanings = "\n\r\t\a\b\f\v\\'\"";
  std::string text;
  while (!literal.empty()) {
    size_t plain = std::min(literal.find('\\'), literal.size());
    text += literal.substr(0, plain);
    literal.remove_prefix(plain);
    if (literal.size() < 2)
      break;
    char c = literal[1];
    std::string_view rest = literal.substr(2);
    if (size_t known = kNames.find(c); known != std::string_view::npos)
      text += kMeanings[known];
    else if (c == 'x' || c == 'u' || c == 'U')
      appendCharacter(text, takeNumber(rest, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, /*exact=*/true, line));
    else if (c >= '0' && c <= '7')
      appendCharacter(text, takeNumber(rest = literal.substr(1), 3, 8, /*exact=*/false, line));
    else if (c != '\n')
      text.append(literal.substr(0, 2));
    literal = rest;
  }
  return text;
}

} // namespace quipu::jinja
