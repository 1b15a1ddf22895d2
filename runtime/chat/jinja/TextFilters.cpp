//===- TextFilters.cpp - Filters that give a text, a number or the value itself ----------===//

#include "runtime/chat/jinja/Builtin.h"
#include "runtime/chat/jinja/Operators.h"
#include "runtime/chat/jinja/PercentFormat.h"
#include "runtime/chat/jinja/Strings.h"
#include "runtime/chat/jinja/Texts.h"
#include "runtime/support/Number.h"

#include <algorithm>
#include <cmath>

namespace quipu::jinja {
namespace {

template <Case kForm> Value filterCase(Run &run, const Value &self, const Given &) {
  return Value(inCase(run, textOf(run, self), kForm));
}

Value filterTrim(Run &run, const Value &self, const Given &given) {
  return Value(stripped(run, textOf(run, self), given.text(0)));
}

Value filterReplace(Run &run, const Value &self, const Given &given) {
  MarkedText from = textOf(run, given[0]);
  return Value(replaced(run, textOf(run, self), from.bytes(), textOf(run, given[1]), given.integer(2, -1)));
}

Value filterDefault(Run &, const Value &self, const Given &given) {
  bool isMissing = self.isUndefined() || (given.truth(1, false) && !self.isTrue());
  return !isMissing ? self : given.has(0) ? given[0] : Value(MarkedText());
}

Value filterString(Run &run, const Value &self, const Given &) { return Value(textOf(run, self)); }

Value filterSafe(Run &, const Value &self, const Given &) { return self; }

Value filterEscape(Run &run, const Value &self, const Given &) {
  MarkedText text = textOf(run, self), result;
  std::string_view bytes = text.bytes();
  for (const MarkedText::Run &part : text.runs())
    for (size_t at = part.begin; at < part.end; ++at) {
      char c = bytes[at];
      std::string_view written = c == '&'    ? "&amp;"
                                 : c == '<'  ? "&lt;"
                                 : c == '>'  ? "&gt;"
                                 : c == '\'' ? "&#39;"
                                 : c == '"'  ? "&#34;"
                                             : bytes.substr(at, 1);
      run.write(result, written, part.marks);
    }
  return Value(std::move(result));
}

/// Blanks in front of a line. A negative number makes none, as in Python.
std::string blanks(int64_t count, int64_t most) {
  if (count > most)
    refuse("lines are to be indented by ", count, " blanks; templates may indent by ", most);
  return std::string(size_t(std::max<int64_t>(count, 0)), ' ');
}

Value filterJson(Run &run, const Value &self, const Given &given) {
  JsonStyle style;
  style.asciiAlone = given.truth(0, false);
  if (given.has(1) && !given[1].isNone()) {
    constexpr int64_t kMostIndent = 64;
    style.indent = given[1].isText() ? given[1].bytes() : blanks(given.integer(1, 0), kMostIndent);
    style.itemSeparator = ",";
  }
  if (given.has(2) && !given[2].isNone()) {
    List both = itemsOf(run, given[2]);
    if (both.size() != 2 || !both[0].isText() || !both[1].isText())
      refuse("filter 'tojson': separators must be two texts");
    style.itemSeparator = both[0].bytes();
    style.keySeparator = both[1].bytes();
  }
  style.sortKeys = given.truth(3, false);
  return Value(jsonOf(run, self, style));
}

/// As Jinja: lines behind the first are indented, and empty ones are only if asked for.
Value filterIndent(Run &run, const Value &self, const Given &given) {
  constexpr int64_t kMostWidth = 1000;
  std::string indent = given.has(0) && given[0].isText() ? given[0].bytes() : blanks(given.integer(0, 4), kMostWidth);
  bool first = given.truth(1, false), blank = given.truth(2, false);
  MarkedText text = textOf(run, self);
  run.write(text, "\n");
  List lines = splitLines(run, text, /*keepEnds=*/false);
  MarkedText result(first ? indent : "");
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0)
      run.write(result, "\n");
    if (i > 0 && (blank || !lines[i].text().empty()))
      run.write(result, indent);
    run.append(result, lines[i].text());
  }
  return Value(std::move(result));
}

Value filterFormat(Run &run, const Value &self, const Arguments &arguments) {
  if (!arguments.named.empty())
    refuse("filter 'format' takes values without names");
  return percentFormat(run, textOf(run, self), makeList(arguments.positional, /*isTuple=*/true));
}

Value filterInt(Run &run, const Value &self, const Given &given) {
  Value otherwise = given.has(0) ? given[0] : Value(int64_t(0));
  auto ofDouble = [&](double value) {
    constexpr double kTooLarge = 9.2e18;
    return std::isfinite(value) && std::abs(value) < kTooLarge ? Value(int64_t(value)) : otherwise;
  };
  if (self.isFloat())
    return ofDouble(self.asDouble());
  if (self.isNumber())
    return Value(self.asInteger());
  if (given.integer(1, 10) != 10)
    refuse("filter 'int' knows base 10 alone");
  std::string text = stripped(run, textOf(run, self), std::nullopt).bytes();
  // parseNumber() takes neither a plus nor zeros in front.
  if (text.starts_with('+'))
    text.erase(0, 1);
  size_t sign = text.starts_with('-') ? 1 : 0, digit = text.find_first_not_of('0', sign);
  if (digit != std::string::npos && digit > sign)
    text.erase(sign, std::min(digit, text.size() - 1) - sign);
  if (std::optional<int64_t> value = parseNumber<int64_t>(text))
    return Value(*value);
  std::optional<double> value = parseNumber<double>(text);
  return value ? ofDouble(*value) : otherwise;
}

Value filterFloat(Run &run, const Value &self, const Given &given) {
  if (self.isNumber())
    return Value(self.asDouble());
  std::optional<double> value = parseNumber<double>(stripped(run, textOf(run, self), std::nullopt).bytes());
  return value ? Value(*value) : given.has(0) ? given[0] : Value(0.0);
}

double numberOf(const Value &self, const char *filter) {
  if (self.isUndefined())
    refuse(self.reason());
  if (!self.isNumber())
    refuse("filter '", filter, "' takes a number, not ", self.kind());
  return self.asDouble();
}

Value filterAbs(Run &run, const Value &self, const Given &) {
  bool isNegative = numberOf(self, "abs") < 0;
  return isNegative ? negate(run, self) : self.isBool() ? Value(self.asInteger()) : self;
}

Value filterRound(Run &, const Value &self, const Given &given) {
  double value = numberOf(self, "round");
  int64_t precision = std::clamp<int64_t>(given.integer(0, 0), -300, 300);
  std::string_view method = given.text(1).value_or("common");
  if (method != "common" && method != "ceil" && method != "floor")
    refuse("filter 'round' has the methods common, ceil and floor, not ", shown(method));
  // Python rounds an integer to an integer.
  if (method == "common" && !self.isFloat() && precision >= 0)
    return Value(self.asInteger());
  double scale = std::pow(10.0, double(precision));
  if (method != "common")
    return Value((method == "ceil" ? std::ceil(value * scale) : std::floor(value * scale)) / scale);
  if (precision < 0) {
    double rounded = std::nearbyint(value * scale) / scale;
    return self.isFloat() ? Value(rounded) : Value(int64_t(rounded));
  }
  // The decimal digits are what is rounded, as Python does it.
  char buffer[700];
  snprintf(buffer, sizeof(buffer), "%.*f", int(precision), value);
  return Value(std::strtod(buffer, nullptr));
}

Value filterWordCount(Run &run, const Value &self, const Given &) {
  return Value(countWords(run, textOf(run, self).bytes()));
}

Value filterTitleOf(Run &run, const Value &self, const Given &) { return Value(filterTitle(run, textOf(run, self))); }

} // namespace

std::span<const Builtin> detail::textFilters() {
  static constexpr Builtin kFilters[] = {
      {"trim", filterTrim, 0, {"chars"}},
      {"upper", filterCase<Case::upper>},
      {"lower", filterCase<Case::lower>},
      {"capitalize", filterCase<Case::capitalize>},
      {"title", filterTitleOf},
      {"replace", filterReplace, 2, {"old", "new", "count"}},
      {"default", filterDefault, 0, {"default_value", "boolean"}},
      {"d", filterDefault, 0, {"default_value", "boolean"}},
      {"string", filterString},
      {"safe", filterSafe},
      {"escape", filterEscape},
      {"e", filterEscape},
      {"forceescape", filterEscape},
      {"tojson", filterJson, 0, {"ensure_ascii", "indent", "separators", "sort_keys"}},
      {"indent", filterIndent, 0, {"width", "first", "blank"}},
      {"format", nullptr, 0, {}, filterFormat},
      {"int", filterInt, 0, {"default", "base"}},
      {"float", filterFloat, 0, {"default"}},
      {"abs", filterAbs},
      {"round", filterRound, 0, {"precision", "method"}},
      {"wordcount", filterWordCount},
  };
  return kFilters;
}

} // namespace quipu::jinja
