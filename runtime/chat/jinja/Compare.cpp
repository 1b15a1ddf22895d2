//===- Compare.cpp - Which values are equal, and which is less ---------------------------===//

#include "runtime/chat/jinja/Operators.h"
#include "runtime/chat/jinja/Run.h"
#include "runtime/chat/jinja/Strings.h"

#include <algorithm>

namespace quipu::jinja {

static bool areDictsEqual(Run &run, const Dict &left, const Dict &right) {
  if (left.entries.size() != right.entries.size())
    return false;
  for (const auto &[key, value] : left.entries) {
    auto found =
        std::ranges::find_if(right.entries, [&](const auto &entry) { return areEqual(run, entry.first, key); });
    if (found == right.entries.end() || !areEqual(run, found->second, value))
      return false;
  }
  return true;
}

bool areEqual(Run &run, const Value &left, const Value &right) {
  run.budget.step();
  if (left.isNumber() && right.isNumber())
    return left.isFloat() || right.isFloat() ? left.asDouble() == right.asDouble()
                                             : left.asInteger() == right.asInteger();
  if (left.isText() && right.isText()) {
    if (left.text().size() != right.text().size())
      return false;
    run.budget.work(left.text().size());
    return left.bytes() == right.bytes();
  }
  if (left.isSequence() && right.isSequence()) {
    const Sequence &a = left.sequence(), &b = right.sequence();
    return a.isTuple == b.isTuple &&
           std::ranges::equal(a.items, b.items, [&](const Value &x, const Value &y) { return areEqual(run, x, y); });
  }
  if (left.isDict() && right.isDict())
    return areDictsEqual(run, left.dict(), right.dict());
  if (left.isObject() && right.isObject())
    return &left.object() == &right.object();
  return (left.isNone() && right.isNone()) || (left.isUndefined() && right.isUndefined());
}

std::partial_ordering order(Run &run, const Value &left, const Value &right, const char *symbol) {
  run.budget.step();
  if (left.isNumber() && right.isNumber()) {
    if (left.isFloat() || right.isFloat())
      return left.asDouble() <=> right.asDouble();
    return left.asInteger() <=> right.asInteger();
  }
  if (left.isText() && right.isText()) {
    run.budget.work(std::min(left.text().size(), right.text().size()));
    // The bytes of UTF-8 are in the order of the characters.
    return left.bytes() <=> right.bytes();
  }
  if (left.isSequence() && right.isSequence() && left.sequence().isTuple == right.sequence().isTuple) {
    const List &a = left.sequence().items, &b = right.sequence().items;
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
      if (!areEqual(run, a[i], b[i]))
        return order(run, a[i], b[i], symbol);
    return a.size() <=> b.size();
  }
  for (const Value *value : {&left, &right})
    if (value->isUndefined())
      refuse(value->reason());
  refuse("'", symbol, "' does not go with ", left.kind(), " and ", right.kind());
}

bool contains(Run &run, const Value &container, const Value &item) {
  if (container.isText()) {
    if (!item.isText())
      refuse("'in' looks for a text in a text, not for ", item.kind());
    return findText(run, container.bytes(), item.bytes(), 0).has_value();
  }
  bool found = false;
  forEachItem(run, container, [&](const Value &each) { return !(found = areEqual(run, each, item)); });
  return found;
}

} // namespace quipu::jinja
