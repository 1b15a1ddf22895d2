//===- Items.cpp - What is in a value ----------------------------------------------------===//

#include "runtime/chat/jinja/Methods.h"
#include "runtime/chat/jinja/Operators.h"
#include "runtime/chat/jinja/Run.h"
#include "runtime/chat/jinja/Strings.h"
#include "runtime/support/Utf8.h"

#include <algorithm>

namespace quipu::jinja {

void forEachItem(Run &run, const Value &value, const std::function<bool(const Value &)> &visit) {
  if (value.isUndefined())
    return;
  if (value.isText()) {
    std::string_view bytes = value.bytes();
    for (size_t at = 0, length; at < bytes.size(); at += length) {
      run.budget.step();
      length = characterLength(bytes.substr(at));
      if (!visit(run.slice(value.text(), at, at + length)))
        return;
    }
  } else if (value.isSequence()) {
    for (const Value &item : value.sequence().items) {
      run.budget.step();
      if (!visit(item))
        return;
    }
  } else if (value.isDict()) {
    for (const auto &entry : value.dict().entries) {
      run.budget.step();
      if (!visit(entry.first))
        return;
    }
  } else {
    refuse(value.kind(), " has no items to go through");
  }
}

List itemsOf(Run &run, const Value &value) {
  List items;
  forEachItem(run, value, [&](const Value &item) {
    items.push_back(item);
    return true;
  });
  return items;
}

static std::string shownType(const Value &value) { return concat("'", value.typeName(), " object'"); }

/// Names of Python's insides, by which programs break out of a template.
static void refuseInnerName(const std::string &name) {
  if (name.starts_with("__"))
    refuse("the name ", shown(name), " is not allowed: names with two underscores belong to Python's insides");
}

Value attributeOf(Run &run, const Value &value, const std::string &name) {
  if (value.isUndefined())
    refuse(value.reason());
  if (value.isObject()) {
    refuseInnerName(name);
    if (std::optional<Value> found = value.object().attribute(run, name))
      return *found;
  } else if (std::optional<Value> method = methodOf(value, name)) {
    return *method;
  } else if (value.isDict()) {
    run.budget.step(value.dict().entries.size());
    if (const Value *found = value.dict().find(name))
      return *found;
  }
  refuseInnerName(name);
  return Value::undefined(concat(shownType(value), " has no attribute ", shown(name)));
}

static Value characterOf(Run &run, const Value &text, int64_t index) {
  int64_t length = int64_t(lengthOf(run, text.bytes()));
  if (index < 0)
    index += length;
  if (index < 0 || index >= length)
    return Value::undefined(concat("the text has no character ", index));
  size_t begin = byteOf(run, text.bytes(), size_t(index));
  return run.slice(text.text(), begin, begin + characterLength(std::string_view(text.bytes()).substr(begin)));
}

Value itemOf(Run &run, const Value &value, const Value &key) {
  if (value.isUndefined())
    refuse(value.reason());
  if (value.isDict()) {
    for (const auto &[name, item] : value.dict().entries)
      if (areEqual(run, name, key))
        return item;
  } else if (key.isInteger() || key.isBool()) {
    int64_t index = key.asInteger();
    if (value.isText())
      return characterOf(run, value, index);
    if (value.isSequence()) {
      const List &items = value.sequence().items;
      if (index < 0)
        index += int64_t(items.size());
      if (index >= 0 && index < int64_t(items.size()))
        return items[size_t(index)];
      return Value::undefined(concat("the ", value.typeName(), " of ", items.size(), " has no item ", key.asInteger()));
    }
  }
  if (key.isText())
    return attributeOf(run, value, key.bytes());
  return Value::undefined(concat(shownType(value), " has no such item"));
}

namespace {
/// Places of a slice, as Python counts them.
struct SlicePlaces {
  int64_t begin, count, step;
};
} // namespace

static SlicePlaces placesOf(const Value &begin, const Value &end, const Value &step, int64_t size) {
  for (const Value *value : {&begin, &end, &step})
    if (!value->isNone() && !value->isInteger() && !value->isBool())
      refuse("a slice takes integers, not ", value->kind());
  int64_t stride = step.isNone() ? 1 : step.asInteger();
  if (stride == 0)
    refuse("the step of a slice is 0");
  bool goesBack = stride < 0;
  auto place = [&](const Value &value, int64_t missing) {
    if (value.isNone())
      return missing;
    int64_t at = value.asInteger();
    if (at < 0)
      at += size;
    return std::clamp<int64_t>(at, goesBack ? -1 : 0, goesBack ? size - 1 : size);
  };
  int64_t first = place(begin, goesBack ? size - 1 : 0), last = place(end, goesBack ? -1 : size);
  int64_t span = goesBack ? first - last : last - first;
  // The largest stride still takes the first item.
  uint64_t length = goesBack ? 0 - uint64_t(stride) : uint64_t(stride);
  return {first, span <= 0 ? 0 : int64_t((uint64_t(span) - 1) / length + 1), stride};
}

static Value sliceOfText(Run &run, const MarkedText &text, const SlicePlaces &places) {
  std::string_view bytes = text.bytes();
  if (places.step == 1) {
    size_t begin = byteOf(run, bytes, size_t(places.begin));
    return run.slice(text, begin, begin + byteOf(run, bytes.substr(begin), size_t(places.count)));
  }
  std::vector<size_t> starts;
  for (size_t at = 0; at < bytes.size(); at += characterLength(bytes.substr(at)))
    starts.push_back(at);
  starts.push_back(bytes.size());
  run.budget.work(8 * bytes.size());
  MarkedText result;
  for (int64_t i = 0; i < places.count; ++i) {
    size_t at = size_t(places.begin + i * places.step);
    run.append(result, text, starts[at], starts[at + 1]);
  }
  return Value(std::move(result));
}

Value sliceOf(Run &run, const Value &value, const Value &begin, const Value &end, const Value &step) {
  if (value.isUndefined())
    refuse(value.reason());
  if (value.isText())
    return sliceOfText(run, value.text(), placesOf(begin, end, step, int64_t(lengthOf(run, value.bytes()))));
  if (!value.isSequence())
    refuse(value.kind(), " has no slices");
  const List &items = value.sequence().items;
  SlicePlaces places = placesOf(begin, end, step, int64_t(items.size()));
  run.budget.step(uint64_t(places.count));
  List result;
  for (int64_t i = 0; i < places.count; ++i)
    result.push_back(items[size_t(places.begin + i * places.step)]);
  return makeList(std::move(result), value.sequence().isTuple);
}

} // namespace quipu::jinja
