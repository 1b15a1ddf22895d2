//===- Functions.cpp - The functions that every template has -----------------------------===//

#include "runtime/chat/jinja/Builtin.h"
#include "runtime/chat/jinja/Objects.h"
#include "runtime/chat/jinja/Operators.h"
#include "runtime/chat/jinja/Texts.h"

#include <ctime>

namespace quipu::jinja {
namespace {

/// Numbers of one range.
constexpr uint64_t kMaxRange = 100'000;

Value functionRange(Run &run, const Value &, const Arguments &arguments) {
  const List &given = arguments.positional;
  bool isSound = !arguments.named.size() && !given.empty() && given.size() <= 3;
  for (const Value &value : given)
    isSound &= value.isInteger() || value.isBool();
  if (!isSound)
    refuse("range() takes one to three integers");
  int64_t begin = given.size() > 1 ? given[0].asInteger() : 0;
  int64_t end = given[given.size() > 1 ? 1 : 0].asInteger();
  int64_t step = given.size() > 2 ? given[2].asInteger() : 1;
  if (step == 0)
    refuse("the step of range() is 0");
  uint64_t stride = step < 0 ? 0 - uint64_t(step) : uint64_t(step);
  uint64_t span = step < 0 ? (begin > end ? uint64_t(begin) - uint64_t(end) : 0)
                           : (end > begin ? uint64_t(end) - uint64_t(begin) : 0);
  uint64_t count = span / stride + (span % stride != 0);
  if (count > kMaxRange)
    refuse("range() makes ", count, " numbers; templates may make ", kMaxRange);
  run.budget.step(count);
  List numbers;
  for (uint64_t i = 0; i < count; ++i)
    numbers.push_back(Value(int64_t(uint64_t(begin) + i * uint64_t(step))));
  return makeList(std::move(numbers));
}

/// The entries of one dict or of a list of pairs, and named arguments behind them.
std::vector<std::pair<Value, Value>> entriesOf(Run &run, const Arguments &arguments, const char *function) {
  if (arguments.positional.size() > 1)
    refuse(function, "() takes at most one value without a name");
  std::vector<std::pair<Value, Value>> entries;
  for (const Value &given : arguments.positional) {
    if (given.isDict()) {
      run.budget.step(given.dict().entries.size());
      entries = given.dict().entries;
      continue;
    }
    forEachItem(run, given, [&](const Value &pair) {
      List both = itemsOf(run, pair);
      if (both.size() != 2)
        refuse(function, "() takes a dict or pairs; one item has ", both.size(), " parts");
      entries.emplace_back(both[0], both[1]);
      return true;
    });
  }
  for (const auto &[name, value] : arguments.named)
    entries.emplace_back(Value(MarkedText(name)), value);
  return entries;
}

Value functionDict(Run &run, const Value &, const Arguments &arguments) {
  return makeDict(run, entriesOf(run, arguments, "dict"));
}

Value functionNamespace(Run &run, const Value &, const Arguments &arguments) {
  auto space = std::make_shared<Namespace>();
  for (const auto &[name, value] : entriesOf(run, arguments, "namespace")) {
    if (!name.isText())
      refuse("namespace() takes names that are texts");
    space->set(name.bytes(), value);
  }
  return Value(std::shared_ptr<Object>(std::move(space)));
}

Value functionRaise(Run &run, const Value &, const Given &given) {
  refuse("the template refuses this conversation: ", textOf(run, given[0]).bytes().substr(0, 1000));
}

Value functionTime(Run &, const Value &, const Given &given) {
  time_t now = time(nullptr);
  tm local = {};
  localtime_r(&now, &local);
  constexpr size_t kMostFormat = 200;
  std::string format = given.needText(0).bytes();
  if (format.empty() || format.size() > kMostFormat)
    refuse("strftime_now() takes a format of 1 to ", kMostFormat, " bytes");
  // A format such as "%" followed by a width would take its time: widths are a thing of the C library alone.
  for (size_t at = 0; (at = format.find('%', at)) != std::string::npos; at += 2)
    if (at + 1 < format.size() && !isalpha(uint8_t(format[at + 1])) && format[at + 1] != '%')
      refuse("strftime_now() has no format ", shown(format.substr(at, 2)));
  char buffer[8192];
  return Value(MarkedText(std::string(buffer, strftime(buffer, sizeof(buffer), format.c_str(), &local))));
}

Value functionCycler(Run &, const Value &, const Arguments &arguments) {
  if (arguments.positional.empty() || !arguments.named.empty())
    refuse("cycler() needs values without names");
  return Value(std::shared_ptr<Object>(std::make_shared<Cycler>(arguments.positional)));
}

Value functionJoiner(Run &, const Value &, const Given &given) {
  return Value(std::shared_ptr<Object>(std::make_shared<Joiner>(given.has(0) ? given[0] : Value(MarkedText(", ")))));
}

} // namespace

const Builtin *findFunction(std::string_view name) {
  static constexpr Builtin kFunctions[] = {
      {"range", nullptr, 0, {}, functionRange},         {"dict", nullptr, 0, {}, functionDict},
      {"namespace", nullptr, 0, {}, functionNamespace}, {"raise_exception", functionRaise, 1, {"message"}},
      {"strftime_now", functionTime, 1, {"format"}},    {"cycler", nullptr, 0, {}, functionCycler},
      {"joiner", functionJoiner, 0, {"sep"}},
  };
  return detail::findIn(kFunctions, name);
}

} // namespace quipu::jinja
