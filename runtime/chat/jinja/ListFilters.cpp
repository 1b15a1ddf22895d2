//===- ListFilters.cpp - Filters of what has items ---------------------------------------===//

#include "runtime/chat/jinja/Builtin.h"
#include "runtime/chat/jinja/Operators.h"
#include "runtime/chat/jinja/Sort.h"
#include "runtime/chat/jinja/Strings.h"
#include "runtime/chat/jinja/Texts.h"
#include "runtime/support/Number.h"
#include "runtime/support/Utf8.h"

#include <algorithm>

namespace quipu::jinja {
namespace {

/// What a path such as "function.name" or "0" gives of an item. `otherwise`: in place of what is undefined; null:
/// nothing.
Value valueAt(Run &run, const Value &item, const Value &path, const Value *otherwise = nullptr) {
  if (!path.isText())
    return itemOf(run, item, path);
  Value value = item;
  std::string_view rest = path.bytes();
  for (bool isMore = true; isMore;) {
    size_t dot = rest.find('.');
    std::string_view part = rest.substr(0, dot);
    std::optional<int64_t> index = parseNumber<int64_t>(part);
    value = itemOf(run, value, index && *index >= 0 ? Value(*index) : Value(MarkedText(std::string(part))));
    if (value.isUndefined() && otherwise)
      value = *otherwise;
    isMore = dot != std::string_view::npos;
    rest.remove_prefix(isMore ? dot + 1 : rest.size());
  }
  return value;
}

/// What items are compared by: an attribute, and without case if not asked for.
class SortKey {
public:
  SortKey(Run &run, const Given &given, size_t caseSensitive, size_t attribute)
      : run(run), isCaseSensitive(given.truth(caseSensitive, false)) {
    if (given.has(attribute) && !given[attribute].isNone())
      path = given[attribute];
  }

  Value of(const Value &item) const {
    Value key = path ? valueAt(run, item, *path) : item;
    return key.isText() && !isCaseSensitive ? Value(inCase(run, key.text(), Case::lower)) : key;
  }

private:
  Run &run;
  bool isCaseSensitive;
  std::optional<Value> path;
};

List sortedBy(Run &run, const List &items, const std::function<Value(const Value &)> &keyOf, bool reverse) {
  List keys, result;
  for (const Value &item : items)
    keys.push_back(keyOf(item));
  auto isLess = [&](size_t a, size_t b) {
    return reverse ? order(run, keys[b], keys[a], "<") < 0 : order(run, keys[a], keys[b], "<") < 0;
  };
  for (size_t place : sortedPlaces(items.size(), isLess))
    result.push_back(items[place]);
  return result;
}

Value filterLength(Run &run, const Value &self, const Given &) {
  if (self.isText())
    return Value(int64_t(lengthOf(run, self.bytes())));
  if (self.isSequence())
    return Value(int64_t(self.sequence().items.size()));
  if (self.isDict())
    return Value(int64_t(self.dict().entries.size()));
  if (self.isUndefined())
    return Value(int64_t(0));
  refuse(self.kind(), " has no length");
}

Value filterFirst(Run &run, const Value &self, const Given &) {
  Value result = Value::undefined("there is no first item, since there are none");
  forEachItem(run, self, [&](const Value &item) {
    result = item;
    return false;
  });
  return result;
}

Value filterLast(Run &run, const Value &self, const Given &) {
  List items = itemsOf(run, self);
  return items.empty() ? Value::undefined("there is no last item, since there are none") : items.back();
}

Value filterJoin(Run &run, const Value &self, const Given &given) {
  MarkedText separator = given.has(0) ? textOf(run, given[0]) : MarkedText(), result;
  bool isFirst = true;
  forEachItem(run, self, [&](const Value &item) {
    if (!isFirst)
      run.append(result, separator);
    isFirst = false;
    appendText(run, result, given.has(1) ? valueAt(run, item, given[1]) : item);
    return true;
  });
  return Value(std::move(result));
}

Value filterList(Run &run, const Value &self, const Given &) { return makeList(itemsOf(run, self)); }

Value filterReverse(Run &run, const Value &self, const Given &) {
  if (self.isText())
    return sliceOf(run, self, Value(), Value(), Value(int64_t(-1)));
  List items = itemsOf(run, self);
  std::ranges::reverse(items);
  return makeList(std::move(items));
}

Value filterSort(Run &run, const Value &self, const Given &given) {
  SortKey key(run, given, 1, 2);
  return makeList(
      sortedBy(run, itemsOf(run, self), [&](const Value &item) { return key.of(item); }, given.truth(0, false)));
}

Value filterUnique(Run &run, const Value &self, const Given &given) {
  SortKey key(run, given, 0, 1);
  List keys, items;
  forEachItem(run, self, [&](const Value &item) {
    Value found = key.of(item);
    if (std::ranges::none_of(keys, [&](const Value &known) { return areEqual(run, known, found); })) {
      keys.push_back(found);
      items.push_back(item);
    }
    return true;
  });
  return makeList(std::move(items));
}

template <bool kWantsGreatest> Value filterExtreme(Run &run, const Value &self, const Given &given) {
  SortKey key(run, given, 0, 1);
  std::optional<Value> best, bestKey;
  forEachItem(run, self, [&](const Value &item) {
    Value found = key.of(item);
    bool isBetter =
        !best || (kWantsGreatest ? order(run, found, *bestKey, ">") > 0 : order(run, found, *bestKey, "<") < 0);
    if (isBetter) {
      best = item;
      bestKey = found;
    }
    return true;
  });
  return best ? *best : Value::undefined("there is no such item, since there are none");
}

Value filterSum(Run &run, const Value &self, const Given &given) {
  Value sum = given.has(1) ? given[1] : Value(int64_t(0));
  forEachItem(run, self, [&](const Value &item) {
    bool hasPath = given.has(0) && !given[0].isNone();
    sum = calculate(run, Operator::add, sum, hasPath ? valueAt(run, item, given[0]) : item);
    return true;
  });
  return sum;
}

Value filterItems(Run &run, const Value &self, const Given &) {
  if (self.isUndefined())
    return makeList({});
  if (!self.isDict())
    refuse("filter 'items' takes a dict, not ", self.kind());
  List items;
  for (const auto &[key, value] : self.dict().entries) {
    run.budget.step();
    items.push_back(makeList({key, value}, /*isTuple=*/true));
  }
  return makeList(std::move(items));
}

Value filterDictSort(Run &run, const Value &self, const Given &given) {
  std::string_view by = given.text(1).value_or("key");
  if (by != "key" && by != "value")
    refuse("filter 'dictsort' sorts by 'key' or 'value', not by ", shown(by));
  SortKey key(run, given, 0, 3);
  List items = itemsOf(run, filterItems(run, self, given));
  auto keyOf = [&](const Value &entry) { return key.of(entry.sequence().items[by == "value"]); };
  return makeList(sortedBy(run, items, keyOf, given.truth(2, false)));
}

Value filterBatch(Run &run, const Value &self, const Given &given) {
  int64_t size = given.integer(0, 0);
  if (size < 1)
    refuse("filter 'batch' makes batches of 1 or more items, not of ", size);
  List batches, batch;
  forEachItem(run, self, [&](const Value &item) {
    if (batch.size() == size_t(size))
      batches.push_back(makeList(std::exchange(batch, {})));
    batch.push_back(item);
    return true;
  });
  if (!batch.empty()) {
    while (given.has(1) && !given[1].isNone() && batch.size() < size_t(size)) {
      run.budget.step();
      batch.push_back(given[1]);
    }
    batches.push_back(makeList(std::move(batch)));
  }
  return makeList(std::move(batches));
}

/// The attribute that `map(attribute=...)` names, or the filter that `map('name', ...)` names.
Value filterMap(Run &run, const Value &self, const Arguments &arguments) {
  // As Jinja, which takes none, 0 and false for nothing here.
  if (!self.isTrue())
    return makeList({});
  List result;
  if (arguments.positional.empty()) {
    static constexpr Builtin kByAttribute = {"map", nullptr, 1, {"attribute", "default"}};
    Given given(kByAttribute, "filter", arguments);
    forEachItem(run, self, [&](const Value &item) {
      result.push_back(valueAt(run, item, given[0], given.has(1) ? &given[1] : nullptr));
      return true;
    });
    return makeList(std::move(result));
  }
  const Value &name = arguments.positional[0];
  const Builtin *filter = name.isText() ? findFilter(name.bytes()) : nullptr;
  if (!filter)
    refuse("filter 'map' wants the name of a filter; ",
           name.isText() ? concat("there is none named ", shown(name.bytes())) : concat("got ", name.kind()));
  Arguments rest{{arguments.positional.begin() + 1, arguments.positional.end()}, arguments.named};
  Level level(run.budget);
  forEachItem(run, self, [&](const Value &item) {
    result.push_back(callBuiltin(run, *filter, "filter", item, rest));
    return true;
  });
  return makeList(std::move(result));
}

/// Of `select` and its kin: the items that pass a test, or that are true without one. `byAttribute`: the first argument
/// names what is tested.
template <bool kByAttribute, bool kWanted> Value filterSelect(Run &run, const Value &self, const Arguments &arguments) {
  if (kByAttribute && arguments.positional.empty())
    refuse("filters 'selectattr' and 'rejectattr' need the name of an attribute");
  size_t nameAt = kByAttribute ? 1 : 0;
  const Builtin *test = nullptr;
  Arguments rest{{}, arguments.named};
  if (arguments.positional.size() > nameAt) {
    const Value &name = arguments.positional[nameAt];
    test = name.isText() ? findTest(name.bytes()) : nullptr;
    if (!test)
      refuse("there is no test named ", name.isText() ? shown(name.bytes()) : name.kind());
    rest.positional.assign(arguments.positional.begin() + ptrdiff_t(nameAt) + 1, arguments.positional.end());
  }
  // As with `map`.
  if (!self.isTrue())
    return makeList({});
  List result;
  forEachItem(run, self, [&](const Value &item) {
    Value tested = kByAttribute ? valueAt(run, item, arguments.positional[0]) : item;
    if ((test ? isSo(run, *test, tested, rest) : tested.isTrue()) == kWanted)
      result.push_back(item);
    return true;
  });
  return makeList(std::move(result));
}

} // namespace

std::span<const Builtin> detail::listFilters() {
  static constexpr Builtin kFilters[] = {
      {"length", filterLength},
      {"count", filterLength},
      {"first", filterFirst},
      {"last", filterLast},
      {"join", filterJoin, 0, {"d", "attribute"}},
      {"list", filterList},
      {"reverse", filterReverse},
      {"sort", filterSort, 0, {"reverse", "case_sensitive", "attribute"}},
      {"unique", filterUnique, 0, {"case_sensitive", "attribute"}},
      {"min", filterExtreme<false>, 0, {"case_sensitive", "attribute"}},
      {"max", filterExtreme<true>, 0, {"case_sensitive", "attribute"}},
      {"sum", filterSum, 0, {"attribute", "start"}},
      {"items", filterItems},
      {"dictsort", filterDictSort, 0, {"case_sensitive", "by", "reverse"}},
      {"batch", filterBatch, 1, {"linecount", "fill_with"}},
      {"map", nullptr, 0, {}, filterMap},
      {"select", nullptr, 0, {}, filterSelect<false, true>},
      {"reject", nullptr, 0, {}, filterSelect<false, false>},
      {"selectattr", nullptr, 0, {}, filterSelect<true, true>},
      {"rejectattr", nullptr, 0, {}, filterSelect<true, false>},
  };
  return kFilters;
}

} // namespace quipu::jinja
