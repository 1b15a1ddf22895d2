//===- PercentFormat.cpp - '%s is %d' % (a, b) --------------------------------------------===//

#include "runtime/chat/jinja/PercentFormat.h"
#include "runtime/chat/jinja/Texts.h"

#include <charconv>
#include <cmath>

namespace quipu::jinja {

/// Digits behind the point of "%.2f"; moves `at` to the letter. Nothing: not given.
static std::optional<unsigned> precisionAt(std::string_view format, size_t &at) {
  if (at >= format.size() || format[at] != '.')
    return std::nullopt;
  constexpr unsigned kMost = 50;
  unsigned digits = 0;
  auto [end, error] = std::from_chars(format.data() + at + 1, format.data() + format.size(), digits);
  if (error != std::errc() || digits > kMost)
    refuse("the format ", shown(format), " has no precision from 0 to ", kMost, " behind a '.'");
  at = size_t(end - format.data());
  return digits;
}

static void appendOne(Run &run, MarkedText &out, char letter, std::optional<unsigned> precision, const Value &value) {
  if (letter == 's')
    return appendText(run, out, value);
  if (letter == 'r')
    return appendRepr(run, out, value);
  if (letter != 'd' && letter != 'i' && letter != 'f')
    refuse("the format '%", std::string(1, letter), "' is not known; known are %s, %r, %d, %i, %f and %%");
  if (!value.isNumber())
    refuse("the format '%", std::string(1, letter), "' takes a number, not ", value.kind());
  char buffer[400];
  if (letter == 'f' || value.isFloat())
    snprintf(buffer, sizeof(buffer), "%.*f", letter == 'f' ? int(precision.value_or(6)) : 0,
             letter == 'f' ? value.asDouble() : std::trunc(value.asDouble()));
  else
    snprintf(buffer, sizeof(buffer), "%lld", static_cast<long long>(value.asInteger()));
  run.write(out, buffer);
}

Value percentFormat(Run &run, const MarkedText &format, const Value &values) {
  const List single = {values};
  const List &list = values.isSequence() && values.sequence().isTuple ? values.sequence().items : single;
  std::string_view bytes = format.bytes();
  MarkedText out;
  size_t used = 0;
  for (size_t at = 0; at < bytes.size();) {
    size_t mark = std::min(bytes.find('%', at), bytes.size());
    run.append(out, format, at, mark);
    if (mark == bytes.size())
      break;
    at = mark + 1;
    std::optional<unsigned> precision = precisionAt(bytes, at);
    if (at >= bytes.size())
      refuse("the format ", shown(bytes), " ends behind a '%'");
    char letter = bytes[at++];
    if (letter == '%') {
      run.write(out, "%");
      continue;
    }
    if (used == list.size())
      refuse("the format ", shown(bytes), " wants more values than the ", list.size(), " that it gets");
    appendOne(run, out, letter, precision, list[used++]);
  }
  if (used != list.size())
    refuse("the format ", shown(bytes), " takes ", used, " values, but gets ", list.size());
  return Value(std::move(out));
}

} // namespace quipu::jinja
