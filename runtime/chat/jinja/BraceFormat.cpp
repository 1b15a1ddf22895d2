//===- BraceFormat.cpp - '{} is {name}'.format(a, name=b) ----------------------------------===//

#include "runtime/chat/jinja/BraceFormat.h"
#include "runtime/chat/jinja/Texts.h"
#include "runtime/support/Number.h"

#include <algorithm>

namespace quipu::jinja {

/// The value that a field such as "", "0" or "name" stands for. `next`: of the fields without a name, the number of the
/// next.
static const Value &valueOfField(std::string_view field, const Arguments &arguments, size_t &next) {
  std::optional<uint64_t> number = field.empty() ? next++ : parseNumber<uint64_t>(field);
  if (number) {
    if (*number >= arguments.positional.size())
      refuse("format() has a field for value ", *number, " (they count from 0), but gets ",
             arguments.positional.size());
    return arguments.positional[size_t(*number)];
  }
  auto found = std::ranges::find_if(arguments.named, [&](const auto &entry) { return entry.first == field; });
  if (found == arguments.named.end())
    refuse("format() has a field ", shown(field),
           ", but gets no value of that name; known are {}, {0}, {name}, {{ and }}, without formats and attributes");
  return found->second;
}

Value braceFormat(Run &run, const MarkedText &format, const Arguments &arguments) {
  std::string_view bytes = format.bytes();
  MarkedText out;
  size_t next = 0;
  for (size_t at = 0; at < bytes.size();) {
    size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
    run.append(out, format, at, brace);
    if (brace == bytes.size())
      break;
    bool isTwice = brace + 1 < bytes.size() && bytes[brace + 1] == bytes[brace];
    size_t end = bytes.find('}', brace);
    if (isTwice) {
      run.append(out, format, brace, brace + 1);
      at = brace + 2;
      continue;
    }
    if (bytes[brace] == '}' || end == std::string_view::npos)
      refuse("the format ", shown(bytes), " has a brace alone; write {{ or }} for one");
    appendText(run, out, valueOfField(bytes.substr(brace + 1, end - brace - 1), arguments, next));
    at = end + 1;
  }
  return Value(std::move(out));
}

} // namespace quipu::jinja
