//===- Value.cpp - What expressions of a template give -----------------------------------===//

#include "runtime/chat/jinja/Value.h"
#include "runtime/chat/jinja/Operators.h"
#include "runtime/chat/jinja/Run.h"

#include <algorithm>

namespace quipu::jinja {

std::optional<Value> Object::attribute(Run &, const std::string &) const { return std::nullopt; }

Value Object::call(Run &, const Arguments &) const { refuse("a ", typeName(), " is no function"); }

bool Value::isTrue() const {
  if (isNumber())
    return isFloat() ? asDouble() != 0 : asInteger() != 0;
  if (isText())
    return !text().empty();
  if (isSequence())
    return !sequence().items.empty();
  if (isDict())
    return !dict().entries.empty();
  return isObject();
}

const char *Value::typeName() const {
  if (isUndefined())
    return "Undefined";
  if (isNone())
    return "NoneType";
  if (isBool())
    return "bool";
  if (isInteger())
    return "int";
  if (isFloat())
    return "float";
  if (isText())
    return "str";
  if (isSequence())
    return sequence().isTuple ? "tuple" : "list";
  return isDict() ? "dict" : object().typeName();
}

bool Value::isData() const {
  return !isObject() && !(isSequence() && sequence().holdsObject) && !(isDict() && dict().holdsObject);
}

unsigned Value::depth() const { return isSequence() ? sequence().depth : isDict() ? dict().depth : 0; }

std::string Value::kind() const {
  if (isUndefined())
    return "an undefined value";
  if (isNone())
    return "none";
  if (isText())
    return "a text";
  return isInteger() ? "an integer" : concat("a ", typeName());
}

const Value *Dict::find(std::string_view key) const {
  auto found = std::ranges::find_if(
      entries, [&](const auto &entry) { return entry.first.isText() && entry.first.bytes() == key; });
  return found == entries.end() ? nullptr : &found->second;
}

/// Takes what a list or dict has to know of an item.
template <typename Container> static void note(Container &container, const Value &item) {
  container.holdsObject |= !item.isData();
  container.depth = std::max(container.depth, item.depth() + 1);
  if (container.depth > kMaxValueDepth)
    refuse("lists nest more than ", kMaxValueDepth, " levels deep; use another template");
}

Value makeList(List items, bool isTuple) {
  auto list = std::make_shared<Sequence>();
  list->isTuple = isTuple;
  for (const Value &item : items)
    note(*list, item);
  list->items = std::move(items);
  return Value(std::shared_ptr<const Sequence>(std::move(list)));
}

Value makeDict(Run &run, std::vector<std::pair<Value, Value>> entries) {
  auto dict = std::make_shared<Dict>();
  for (auto &[key, value] : entries) {
    if (!key.isText() && !key.isNumber() && !key.isNone())
      refuse(key.kind(), " is no key of a dict; use a text or a number");
    note(*dict, value);
    auto same = std::ranges::find_if(dict->entries, [&](const auto &entry) { return areEqual(run, entry.first, key); });
    if (same != dict->entries.end())
      same->second = std::move(value);
    else
      dict->entries.emplace_back(std::move(key), std::move(value));
  }
  return Value(std::shared_ptr<const Dict>(std::move(dict)));
}

} // namespace quipu::jinja
