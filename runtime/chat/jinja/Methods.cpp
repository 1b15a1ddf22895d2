//===- Methods.cpp - Methods of texts, lists and dicts -----------------------------------===//

#include "runtime/chat/jinja/Methods.h"
#include "runtime/chat/jinja/BraceFormat.h"
#include "runtime/chat/jinja/Builtin.h"
#include "runtime/chat/jinja/Operators.h"
#include "runtime/chat/jinja/Strings.h"
#include "runtime/chat/jinja/Texts.h"

#include <algorithm>

namespace quipu::jinja {
namespace {

template <bool kLeft, bool kRight> Value textStrip(Run &run, const Value &self, const Given &given) {
  return Value(stripped(run, self.text(), given.text(0), kLeft, kRight));
}

template <bool kFromRight> Value textSplit(Run &run, const Value &self, const Given &given) {
  return makeList(split(run, self.text(), given.text(0), given.integer(1, -1), kFromRight));
}

Value textSplitLines(Run &run, const Value &self, const Given &given) {
  return makeList(splitLines(run, self.text(), given.truth(0, false)));
}

/// Whether the text begins, or ends, with a text or with one of a tuple.
template <bool kAtStart> Value textHasEnd(Run &run, const Value &self, const Given &given) {
  auto has = [&](const Value &end) {
    if (!end.isText())
      refuse("startswith() and endswith() take a text or a tuple of texts, not ", end.kind());
    run.budget.work(end.text().size());
    return kAtStart ? self.bytes().starts_with(end.bytes()) : self.bytes().ends_with(end.bytes());
  };
  if (given[0].isSequence() && given[0].sequence().isTuple)
    return Value(std::ranges::any_of(given[0].sequence().items, has));
  return Value(has(given[0]));
}

Value textReplace(Run &run, const Value &self, const Given &given) {
  return Value(replaced(run, self.text(), given.needText(0).bytes(), given.needText(1), given.integer(2, -1)));
}

template <Case kForm> Value textCase(Run &run, const Value &self, const Given &) {
  return Value(inCase(run, self.text(), kForm));
}

template <CharacterKind kKind> Value textIs(Run &run, const Value &self, const Given &) {
  return Value(areAll(run, self.bytes(), kKind));
}

template <bool kUpper> Value textIsCase(Run &run, const Value &self, const Given &) {
  return Value(isInCase(run, self.bytes(), kUpper));
}

Value textJoin(Run &run, const Value &self, const Given &given) {
  MarkedText result;
  bool isFirst = true;
  forEachItem(run, given[0], [&](const Value &item) {
    if (!item.isText())
      refuse("join() takes texts, not ", item.kind());
    if (!isFirst)
      run.append(result, self.text());
    isFirst = false;
    run.append(result, item.text());
    return true;
  });
  return Value(std::move(result));
}

/// The number of the character at which a text is found; -1: it is not.
int64_t placeOf(Run &run, const Value &self, const Given &given, bool fromRight) {
  std::string_view wanted = given.needText(0).bytes();
  std::optional<size_t> found = findText(run, self.bytes(), wanted, 0);
  while (fromRight && found) {
    std::optional<size_t> next = findText(run, self.bytes(), wanted, *found + 1);
    if (!next)
      break;
    run.budget.work(wanted.size() + 1);
    found = next;
  }
  return found ? int64_t(lengthOf(run, std::string_view(self.bytes()).substr(0, *found))) : -1;
}

template <bool kFromRight> Value textFind(Run &run, const Value &self, const Given &given) {
  return Value(placeOf(run, self, given, kFromRight));
}

Value textIndex(Run &run, const Value &self, const Given &given) {
  int64_t place = placeOf(run, self, given, false);
  if (place < 0)
    refuse("index(): the text has no ", shown(given.needText(0).bytes()));
  return Value(place);
}

Value textCount(Run &run, const Value &self, const Given &given) {
  std::string_view wanted = given.needText(0).bytes();
  if (wanted.empty())
    return Value(int64_t(lengthOf(run, self.bytes())) + 1);
  int64_t count = 0;
  for (size_t from = 0; std::optional<size_t> found = findText(run, self.bytes(), wanted, from);
       from = *found + wanted.size())
    ++count;
  return Value(count);
}

template <bool kPrefix> Value textWithout(Run &run, const Value &self, const Given &given) {
  std::string_view bytes = self.bytes(), end = given.needText(0).bytes();
  bool has = kPrefix ? bytes.starts_with(end) : bytes.ends_with(end);
  size_t cut = has ? end.size() : 0;
  return kPrefix ? run.slice(self.text(), cut, bytes.size()) : run.slice(self.text(), 0, bytes.size() - cut);
}

template <bool kFromRight> Value textPartition(Run &run, const Value &self, const Given &given) {
  MarkedText separator = given.needText(0);
  List parts = split(run, self.text(), separator.bytes(), 1, kFromRight);
  if (parts.size() == 2)
    return makeList({parts[0], Value(separator), parts[1]}, /*isTuple=*/true);
  Value none = Value(MarkedText());
  return makeList(kFromRight ? List{none, none, self} : List{self, none, none}, /*isTuple=*/true);
}

Value textFormat(Run &run, const Value &self, const Arguments &arguments) {
  return braceFormat(run, self.text(), arguments);
}

Value listCount(Run &run, const Value &self, const Given &given) {
  return Value(int64_t(
      std::ranges::count_if(self.sequence().items, [&](const Value &item) { return areEqual(run, item, given[0]); })));
}

Value listIndex(Run &run, const Value &self, const Given &given) {
  const List &items = self.sequence().items;
  auto found = std::ranges::find_if(items, [&](const Value &item) { return areEqual(run, item, given[0]); });
  if (found == items.end())
    refuse("index(): the list has no such item");
  return Value(int64_t(found - items.begin()));
}

Value dictGet(Run &run, const Value &self, const Given &given) {
  for (const auto &[key, value] : self.dict().entries)
    if (areEqual(run, key, given[0]))
      return value;
  return given.has(1) ? given[1] : Value();
}

Value dictItems(Run &run, const Value &self, const Given &) {
  return callBuiltin(run, *findFilter("items"), "filter", self, {});
}

Value dictKeys(Run &run, const Value &self, const Given &) { return makeList(itemsOf(run, self)); }

Value dictValues(Run &run, const Value &self, const Given &) {
  List values;
  for (const auto &entry : self.dict().entries) {
    run.budget.step();
    values.push_back(entry.second);
  }
  return makeList(std::move(values));
}

Value copied(Run &, const Value &self, const Given &) { return self; }

constexpr Builtin kOfTexts[] = {
    {"strip", textStrip<true, true>, 0, {"chars"}},
    {"lstrip", textStrip<true, false>, 0, {"chars"}},
    {"rstrip", textStrip<false, true>, 0, {"chars"}},
    {"split", textSplit<false>, 0, {"sep", "maxsplit"}},
    {"rsplit", textSplit<true>, 0, {"sep", "maxsplit"}},
    {"splitlines", textSplitLines, 0, {"keepends"}},
    {"startswith", textHasEnd<true>, 1, {"prefix"}},
    {"endswith", textHasEnd<false>, 1, {"suffix"}},
    {"replace", textReplace, 2, {"old", "new", "count"}},
    {"upper", textCase<Case::upper>},
    {"lower", textCase<Case::lower>},
    {"title", textCase<Case::title>},
    {"capitalize", textCase<Case::capitalize>},
    {"isspace", textIs<CharacterKind::space>},
    {"isdigit", textIs<CharacterKind::digit>},
    {"isalpha", textIs<CharacterKind::letter>},
    {"isalnum", textIs<CharacterKind::letterOrDigit>},
    {"isupper", textIsCase<true>},
    {"islower", textIsCase<false>},
    {"join", textJoin, 1, {"iterable"}},
    {"format", nullptr, 0, {}, textFormat},
    {"find", textFind<false>, 1, {"sub"}},
    {"rfind", textFind<true>, 1, {"sub"}},
    {"index", textIndex, 1, {"sub"}},
    {"count", textCount, 1, {"sub"}},
    {"removeprefix", textWithout<true>, 1, {"prefix"}},
    {"removesuffix", textWithout<false>, 1, {"suffix"}},
    {"partition", textPartition<false>, 1, {"sep"}},
    {"rpartition", textPartition<true>, 1, {"sep"}},
};
constexpr Builtin kOfLists[] = {
    {"count", listCount, 1, {"value"}}, {"index", listIndex, 1, {"value"}}, {"copy", copied}};
constexpr Builtin kOfDicts[] = {{"get", dictGet, 1, {"key", "default"}},
                                {"items", dictItems},
                                {"keys", dictKeys},
                                {"values", dictValues},
                                {"copy", copied}};

constexpr std::string_view kChanging[] = {"append", "clear",   "extend",     "insert", "pop",   "popitem",
                                          "remove", "reverse", "setdefault", "sort",   "update"};

} // namespace

std::optional<Value> methodOf(const Value &value, const std::string &name) {
  std::span<const Builtin> table;
  if (value.isText())
    table = kOfTexts;
  else if (value.isSequence())
    table = kOfLists;
  else if (value.isDict())
    table = kOfDicts;
  else
    return std::nullopt;
  if (const Builtin *found = detail::findIn(table, name))
    return Value(std::shared_ptr<Object>(std::make_shared<BuiltinFunction>(*found, value)));
  bool changes = !value.isText() && std::ranges::find(kChanging, name) != std::end(kChanging);
  // A dict may have such a key.
  if (changes && !(value.isDict() && value.dict().find(name)))
    refuse("'", name, "' would change ", value.kind(), ", which templates may not; make a new one");
  return std::nullopt;
}

} // namespace quipu::jinja
