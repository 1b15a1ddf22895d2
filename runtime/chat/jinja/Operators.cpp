//===- Operators.cpp - What operators of a template do -----------------------------------===//

#include "runtime/chat/jinja/Operators.h"
#include "runtime/chat/jinja/PercentFormat.h"
#include "runtime/chat/jinja/Run.h"
#include "runtime/chat/jinja/Strings.h"

#include <cmath>

namespace quipu::jinja {

const char *spelling(Operator op) {
  static constexpr const char *kSpellings[] = {
      "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};
  return kSpellings[size_t(op)];
}

[[noreturn]] static void refuseOperands(Operator op, const Value &left, const Value &right) {
  for (const Value *value : {&left, &right})
    if (value->isUndefined())
      refuse(value->reason());
  refuse("'", spelling(op), "' does not go with ", left.kind(), " and ", right.kind());
}

[[noreturn]] static void refuseSize(Operator op) {
  refuse("the result of '", spelling(op), "' is too large a number; templates have integers of 64 bits");
}

/// A list or text, several times.
static Value repeat(Run &run, const Value &value, int64_t count) {
  count = std::max<int64_t>(count, 0);
  if (value.isText()) {
    MarkedText result;
    run.budget.length(value.text().empty() ? 0 : uint64_t(std::min<int64_t>(count, INT32_MAX)) * value.text().size());
    for (int64_t i = 0; i < count && !value.text().empty(); ++i)
      run.append(result, value.text());
    return Value(std::move(result));
  }
  const List &items = value.sequence().items;
  List result;
  for (int64_t i = 0; i < count && !items.empty(); ++i) {
    run.budget.step(items.size());
    result.insert(result.end(), items.begin(), items.end());
  }
  return makeList(std::move(result), value.sequence().isTuple);
}

static Value integerPower(int64_t base, int64_t exponent) {
  if (exponent < 0)
    return Value(std::pow(double(base), double(exponent)));
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(result, base, &result))
      refuseSize(Operator::power);
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base))
      refuseSize(Operator::power);
  }
  return Value(result);
}

static int64_t floorDivided(int64_t left, int64_t right) {
  int64_t quotient = left / right;
  return quotient - (left % right != 0 && (left < 0) != (right < 0));
}

static Value ofIntegers(Operator op, int64_t left, int64_t right) {
  bool divides = op == Operator::divide || op == Operator::floorDivide || op == Operator::modulo;
  if (divides && right == 0)
    refuse("division by zero");
  int64_t result = 0;
  bool overflows = false;
  switch (op) {
  case Operator::add:
    overflows = __builtin_add_overflow(left, right, &result);
    break;
  case Operator::subtract:
    overflows = __builtin_sub_overflow(left, right, &result);
    break;
  case Operator::multiply:
    overflows = __builtin_mul_overflow(left, right, &result);
    break;
  case Operator::divide:
    return Value(double(left) / double(right));
  case Operator::floorDivide:
    overflows = left == INT64_MIN && right == -1;
    result = overflows ? 0 : floorDivided(left, right);
    break;
  case Operator::modulo:
    result = right == -1 ? 0 : left - floorDivided(left, right) * right;
    break;
  default:
    return integerPower(left, right);
  }
  if (overflows)
    refuseSize(op);
  return Value(result);
}

static Value ofDoubles(Operator op, double left, double right) {
  bool divides = op == Operator::divide || op == Operator::floorDivide || op == Operator::modulo;
  if (divides && right == 0)
    refuse("division by zero");
  switch (op) {
  case Operator::add:
    return Value(left + right);
  case Operator::subtract:
    return Value(left - right);
  case Operator::multiply:
    return Value(left * right);
  case Operator::divide:
    return Value(left / right);
  case Operator::floorDivide:
    return Value(std::floor(left / right));
  case Operator::modulo: {
    double rest = std::fmod(left, right);
    return Value(rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest);
  }
  default:
    return Value(std::pow(left, right));
  }
}

static Value joinLists(Run &run, const Sequence &left, const Sequence &right) {
  run.budget.step(left.items.size() + right.items.size());
  List items = left.items;
  items.insert(items.end(), right.items.begin(), right.items.end());
  return makeList(std::move(items), left.isTuple);
}

Value calculate(Run &run, Operator op, const Value &left, const Value &right) {
  if (left.isNumber() && right.isNumber())
    return left.isFloat() || right.isFloat() ? ofDoubles(op, left.asDouble(), right.asDouble())
                                             : ofIntegers(op, left.asInteger(), right.asInteger());
  if (op == Operator::add && left.isText() && right.isText()) {
    MarkedText result;
    run.append(result, left.text());
    run.append(result, right.text());
    return Value(std::move(result));
  }
  if (op == Operator::add && left.isSequence() && right.isSequence() &&
      left.sequence().isTuple == right.sequence().isTuple)
    return joinLists(run, left.sequence(), right.sequence());
  auto isCount = [](const Value &value) { return value.isInteger() || value.isBool(); };
  if (op == Operator::multiply && (left.isText() || left.isSequence()) && isCount(right))
    return repeat(run, left, right.asInteger());
  if (op == Operator::multiply && (right.isText() || right.isSequence()) && isCount(left))
    return repeat(run, right, left.asInteger());
  if (op == Operator::modulo && left.isText())
    return percentFormat(run, left.text(), right);
  refuseOperands(op, left, right);
}

Value negate(Run &, const Value &value) {
  if (value.isFloat())
    return Value(-value.asDouble());
  if (!value.isNumber())
    refuse("'-' does not go with ", value.kind());
  return ofIntegers(Operator::subtract, 0, value.asInteger());
}

bool compare(Run &run, Operator op, const Value &left, const Value &right) {
  switch (op) {
  case Operator::equal:
    return areEqual(run, left, right);
  case Operator::notEqual:
    return !areEqual(run, left, right);
  case Operator::in:
    return contains(run, right, left);
  case Operator::notIn:
    return !contains(run, right, left);
  default:
    break;
  }
  std::partial_ordering result = order(run, left, right, spelling(op));
  if (op == Operator::less)
    return result < 0;
  if (op == Operator::lessEqual)
    return result <= 0;
  return op == Operator::greater ? result > 0 : result >= 0;
}

Value call(Run &run, const Value &function, const Arguments &arguments) {
  if (function.isUndefined())
    refuse(function.reason());
  if (!function.isObject())
    refuse(function.kind(), " is no function");
  return function.object().call(run, arguments);
}

} // namespace quipu::jinja
