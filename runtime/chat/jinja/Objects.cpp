//===- Objects.cpp - namespace, loop, cycler, joiner ------------------------------------===//

#include "runtime/chat/jinja/Objects.h"

#include <algorithm>

namespace quipu::jinja {

static const std::string &firstOf(const std::pair<std::string, Value> &entry) { return entry.first; }

std::optional<Value> Namespace::attribute(Run &run, const std::string &name) const {
  run.budget.step(values.size());
  auto found = std::ranges::find(values, name, firstOf);
  return found == values.end() ? std::nullopt : std::optional(found->second);
}

void Namespace::set(const std::string &name, Value value) {
  if (name.starts_with('_'))
    refuse("a namespace has no names that begin with '_', such as ", shown(name));
  if (!value.isData())
    refuse("a namespace holds texts, numbers, lists and dicts, not ", value.kind());
  auto found = std::ranges::find(values, name, firstOf);
  if (found != values.end())
    found->second = std::move(value);
  else
    values.emplace_back(name, std::move(value));
}

std::optional<Value> Loop::attribute(Run &, const std::string &name) const {
  auto number = [](size_t value) { return Value(int64_t(value)); };
  if (name == "index")
    return number(index + 1);
  if (name == "index0")
    return number(index);
  if (name == "revindex")
    return number(items.size() - index);
  if (name == "revindex0")
    return number(items.size() - index - 1);
  if (name == "first")
    return Value(index == 0);
  if (name == "last")
    return Value(index + 1 == items.size());
  if (name == "length")
    return number(items.size());
  // How often a loop calls itself, which loops here do not.
  if (name == "depth" || name == "depth0")
    return number(name == "depth" ? 1 : 0);
  if (name == "previtem")
    return index > 0 ? items[index - 1] : Value::undefined("there is no item before the first");
  if (name == "nextitem")
    return index + 1 < items.size() ? items[index + 1] : Value::undefined("there is no item behind the last");
  if (name != "cycle")
    return std::nullopt;
  return Closure::make([place = index](Run &, const Arguments &arguments) {
    if (arguments.positional.empty())
      refuse("loop.cycle() needs values");
    return arguments.positional[place % arguments.positional.size()];
  });
}

std::optional<Value> Cycler::attribute(Run &, const std::string &name) const {
  if (name == "current")
    return values[place];
  if (name == "next")
    return Closure::make([self = shared_from_this()](Run &, const Arguments &) {
      size_t now = std::exchange(self->place, (self->place + 1) % self->values.size());
      return self->values[now];
    });
  if (name == "reset")
    return Closure::make([self = shared_from_this()](Run &, const Arguments &) {
      self->place = 0;
      return Value();
    });
  return std::nullopt;
}

Value Joiner::call(Run &, const Arguments &) const {
  return std::exchange(isUsed, true) ? separator : Value(MarkedText());
}

} // namespace quipu::jinja
