//===- Builtin.cpp - Functions, filters, tests and methods -------------------------------===//

#include "runtime/chat/jinja/Builtin.h"

#include <algorithm>

namespace quipu::jinja {

Given::Given(const Builtin &builtin, const char *kind, const Arguments &arguments) : builtin(builtin), kind(kind) {
  size_t count = size_t(std::ranges::find(builtin.parameters, nullptr) - builtin.parameters.begin());
  if (arguments.positional.size() > count)
    refuse(kind, " ", shown(builtin.name), " takes at most ", count, " arguments, not ", arguments.positional.size());
  for (size_t i = 0; i < arguments.positional.size(); ++i)
    values[i] = &arguments.positional[i];
  for (const auto &[name, value] : arguments.named) {
    size_t i = 0;
    while (i < count && name != builtin.parameters[i])
      ++i;
    if (i == count)
      refuse(kind, " ", shown(builtin.name), " has no argument named ", shown(name));
    if (values[i])
      refuse(kind, " ", shown(builtin.name), " gets its argument ", shown(name), " twice");
    values[i] = &value;
  }
  for (size_t i = 0; i < builtin.required; ++i)
    if (!values[i])
      refuse(kind, " ", shown(builtin.name), " needs its argument ", shown(builtin.parameters[i]));
}

void Given::refuseType(size_t parameter, const char *wanted) const {
  const Value &value = *values[parameter];
  if (value.isUndefined())
    refuse(value.reason());
  refuse(kind, " ", shown(builtin.name), ": the argument ", shown(builtin.parameters[parameter]), " must be ", wanted,
         ", not ", value.kind());
}

int64_t Given::integer(size_t parameter, int64_t otherwise) const {
  if (!has(parameter) || values[parameter]->isNone())
    return otherwise;
  if (!values[parameter]->isInteger() && !values[parameter]->isBool())
    refuseType(parameter, "an integer");
  return values[parameter]->asInteger();
}

bool Given::truth(size_t parameter, bool otherwise) const {
  return has(parameter) ? values[parameter]->isTrue() : otherwise;
}

std::optional<std::string_view> Given::text(size_t parameter) const {
  if (!has(parameter) || values[parameter]->isNone())
    return std::nullopt;
  return needText(parameter).bytes();
}

const MarkedText &Given::needText(size_t parameter) const {
  if (!values[parameter]->isText())
    refuseType(parameter, "a text");
  return values[parameter]->text();
}

Value callBuiltin(Run &run, const Builtin &builtin, const char *kind, const Value &self, const Arguments &arguments) {
  run.budget.step();
  if (builtin.freeBody)
    return builtin.freeBody(run, self, arguments);
  return builtin.body(run, self, Given(builtin, kind, arguments));
}

bool isSo(Run &run, const Builtin &test, const Value &value, const Arguments &arguments) {
  return callBuiltin(run, test, "test", value, arguments).isTrue();
}

const Builtin *detail::findIn(std::span<const Builtin> table, std::string_view name) {
  auto found = std::ranges::find_if(table, [&](const Builtin &each) { return name == each.name; });
  return found == table.end() ? nullptr : &*found;
}

const Builtin *findFilter(std::string_view name) {
  const Builtin *found = detail::findIn(detail::textFilters(), name);
  return found ? found : detail::findIn(detail::listFilters(), name);
}

} // namespace quipu::jinja
