//===- Texts.cpp - Values as texts -------------------------------------------------------===//

#include "runtime/chat/jinja/Texts.h"
#include "runtime/support/Utf8.h"

#include <charconv>
#include <cmath>
#include <utf8proc.h>

namespace quipu::jinja {

std::string textOfDouble(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  char buffer[32];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  std::string scientific(buffer, end);
  size_t mark = scientific.find('e');
  int exponent = std::atoi(scientific.c_str() + mark + 1);
  if (exponent < -4 || exponent >= 16)
    return scientific;
  // Digits without sign, point and exponent.
  bool isNegative = scientific[0] == '-';
  std::string digits = scientific.substr(isNegative, mark - isNegative);
  if (digits.size() > 1)
    digits.erase(1, 1);
  std::string text = isNegative ? "-" : "";
  if (exponent < 0)
    return text + "0." + std::string(size_t(-exponent - 1), '0') + digits;
  size_t whole = size_t(exponent) + 1;
  if (digits.size() <= whole)
    return text + digits + std::string(whole - digits.size(), '0') + ".0";
  return text + digits.substr(0, whole) + "." + digits.substr(whole);
}

/// Whether Python's repr() writes the character as it is.
static bool isPrintable(char32_t c) {
  if (c < 0x7f)
    return c >= 0x20;
  utf8proc_category_t category = utf8proc_category(utf8proc_int32_t(c));
  bool isSeparator = category >= UTF8PROC_CATEGORY_ZS && category <= UTF8PROC_CATEGORY_ZP;
  bool isOther = category == UTF8PROC_CATEGORY_CN || category >= UTF8PROC_CATEGORY_CC;
  return !isSeparator && !isOther;
}

static std::string escaped(char32_t c) {
  static constexpr char kDigits[] = "0123456789abcdef";
  if (c == '\n')
    return "\\n";
  if (c == '\r')
    return "\\r";
  if (c == '\t')
    return "\\t";
  unsigned digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
  std::string text = c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U";
  while (digits-- > 0)
    text += kDigits[(uint32_t(c) >> (4 * digits)) & 15];
  return text;
}

static void appendQuoted(Run &run, MarkedText &out, const MarkedText &text) {
  std::string_view bytes = text.bytes();
  bool isDouble = bytes.find('\'') != bytes.npos && bytes.find('"') == bytes.npos;
  char quote = isDouble ? '"' : '\'';
  run.write(out, std::string_view(&quote, 1));
  for (const MarkedText::Run &part : text.runs())
    for (size_t at = part.begin, length; at < part.end; at += length) {
      length = characterLength(bytes.substr(at));
      char32_t c = codePointAt(bytes.substr(at));
      if (c == '\\' || c == char32_t(quote))
        run.write(out, "\\", part.marks);
      if (isPrintable(c))
        run.write(out, bytes.substr(at, length), part.marks);
      else
        run.write(out, escaped(c), part.marks);
    }
  run.write(out, std::string_view(&quote, 1));
}

static void appendSequence(Run &run, MarkedText &out, const Sequence &sequence) {
  run.write(out, sequence.isTuple ? "(" : "[");
  for (size_t i = 0; i < sequence.items.size(); ++i) {
    if (i > 0)
      run.write(out, ", ");
    appendRepr(run, out, sequence.items[i]);
  }
  run.write(out, !sequence.isTuple ? "]" : sequence.items.size() == 1 ? ",)" : ")");
}

static void appendDict(Run &run, MarkedText &out, const Dict &dict) {
  run.write(out, "{");
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    if (i > 0)
      run.write(out, ", ");
    appendRepr(run, out, dict.entries[i].first);
    run.write(out, ": ");
    appendRepr(run, out, dict.entries[i].second);
  }
  run.write(out, "}");
}

void appendRepr(Run &run, MarkedText &out, const Value &value) {
  run.budget.step();
  if (value.isText())
    appendQuoted(run, out, value.text());
  else if (value.isUndefined())
    run.write(out, "Undefined");
  else
    appendText(run, out, value);
}

void appendText(Run &run, MarkedText &out, const Value &value) {
  run.budget.step();
  if (value.isText())
    run.append(out, value.text());
  else if (value.isNone())
    run.write(out, "None");
  else if (value.isBool())
    run.write(out, value.asBool() ? "True" : "False");
  else if (value.isInteger())
    run.write(out, std::to_string(value.asInteger()));
  else if (value.isFloat())
    run.write(out, textOfDouble(value.asDouble()));
  else if (value.isSequence())
    appendSequence(run, out, value.sequence());
  else if (value.isDict())
    appendDict(run, out, value.dict());
  else if (value.isObject())
    refuse(value.kind(), " has no text");
}

MarkedText textOf(Run &run, const Value &value) {
  if (value.isText())
    return value.text();
  MarkedText text;
  appendText(run, text, value);
  return text;
}

} // namespace quipu::jinja
