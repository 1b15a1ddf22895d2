//===- Tests.cpp - What stands behind `is` -----------------------------------------------===//

#include "runtime/chat/jinja/Builtin.h"
#include "runtime/chat/jinja/Operators.h"
#include "runtime/chat/jinja/Strings.h"
#include "runtime/chat/jinja/Texts.h"

namespace quipu::jinja {
namespace {

Value isDefined(Run &, const Value &self, const Given &) { return Value(!self.isUndefined()); }
Value isUndefined(Run &, const Value &self, const Given &) { return Value(self.isUndefined()); }
Value isNone(Run &, const Value &self, const Given &) { return Value(self.isNone()); }
Value isString(Run &, const Value &self, const Given &) { return Value(self.isText()); }
Value isMapping(Run &, const Value &self, const Given &) { return Value(self.isDict()); }
Value isNumber(Run &, const Value &self, const Given &) { return Value(self.isNumber()); }
Value isInteger(Run &, const Value &self, const Given &) { return Value(self.isInteger()); }
Value isFloat(Run &, const Value &self, const Given &) { return Value(self.isFloat()); }
Value isBoolean(Run &, const Value &self, const Given &) { return Value(self.isBool()); }
template <bool kWhich> Value isTruth(Run &, const Value &self, const Given &) {
  return Value(self.isBool() && self.asBool() == kWhich);
}
Value isCallable(Run &, const Value &self, const Given &) {
  return Value(self.isObject() && self.object().isCallable());
}

/// What a loop takes. Jinja counts an undefined value, which has no items, too.
Value hasItems(Run &, const Value &self, const Given &) {
  return Value(self.isText() || self.isSequence() || self.isDict() || self.isUndefined());
}

int64_t integerOf(Run &run, const Value &self, const char *test) {
  if (self.isUndefined())
    refuse(self.reason());
  if (!self.isNumber() || self.isFloat())
    refuse("test '", test, "' takes an integer, not ", textOf(run, self).bytes().substr(0, 40), " (", self.kind(), ")");
  return self.asInteger();
}

Value isOdd(Run &run, const Value &self, const Given &) { return Value(integerOf(run, self, "odd") % 2 != 0); }
Value isEven(Run &run, const Value &self, const Given &) { return Value(integerOf(run, self, "even") % 2 == 0); }

Value isDivisible(Run &run, const Value &self, const Given &given) {
  int64_t divisor = integerOf(run, given[0], "divisibleby"), value = integerOf(run, self, "divisibleby");
  if (divisor == 0)
    refuse("division by zero");
  return Value(divisor == -1 || value % divisor == 0);
}

template <Operator kOperator> Value compares(Run &run, const Value &self, const Given &given) {
  return Value(compare(run, kOperator, self, given[0]));
}

Value isSame(Run &run, const Value &self, const Given &given) {
  bool isSameType = std::string_view(self.typeName()) == given[0].typeName();
  return Value(isSameType && areEqual(run, self, given[0]));
}

template <bool kUpper> Value isCase(Run &run, const Value &self, const Given &) {
  return Value(isInCase(run, textOf(run, self).bytes(), kUpper));
}

Value namesFilter(Run &, const Value &self, const Given &) {
  return Value(self.isText() && findFilter(self.bytes()) != nullptr);
}
Value namesTest(Run &, const Value &self, const Given &) {
  return Value(self.isText() && findTest(self.bytes()) != nullptr);
}

} // namespace

const Builtin *findTest(std::string_view name) {
  static constexpr Builtin kTests[] = {
      {"defined", isDefined},
      {"undefined", isUndefined},
      {"none", isNone},
      {"string", isString},
      {"mapping", isMapping},
      {"sequence", hasItems},
      {"iterable", hasItems},
      {"number", isNumber},
      {"integer", isInteger},
      {"float", isFloat},
      {"boolean", isBoolean},
      {"true", isTruth<true>},
      {"false", isTruth<false>},
      {"callable", isCallable},
      {"odd", isOdd},
      {"even", isEven},
      {"divisibleby", isDivisible, 1, {"num"}},
      {"eq", compares<Operator::equal>, 1, {"other"}},
      {"equalto", compares<Operator::equal>, 1, {"other"}},
      {"==", compares<Operator::equal>, 1, {"other"}},
      {"ne", compares<Operator::notEqual>, 1, {"other"}},
      {"!=", compares<Operator::notEqual>, 1, {"other"}},
      {"lt", compares<Operator::less>, 1, {"other"}},
      {"lessthan", compares<Operator::less>, 1, {"other"}},
      {"<", compares<Operator::less>, 1, {"other"}},
      {"le", compares<Operator::lessEqual>, 1, {"other"}},
      {"<=", compares<Operator::lessEqual>, 1, {"other"}},
      {"gt", compares<Operator::greater>, 1, {"other"}},
      {"greaterthan", compares<Operator::greater>, 1, {"other"}},
      {">", compares<Operator::greater>, 1, {"other"}},
      {"ge", compares<Operator::greaterEqual>, 1, {"other"}},
      {">=", compares<Operator::greaterEqual>, 1, {"other"}},
      {"in", compares<Operator::in>, 1, {"seq"}},
      {"sameas", isSame, 1, {"other"}},
      {"lower", isCase<false>},
      {"upper", isCase<true>},
      {"filter", namesFilter},
      {"test", namesTest},
  };
  return detail::findIn(kTests, name);
}

} // namespace quipu::jinja
