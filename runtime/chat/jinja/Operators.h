//===- Operators.h - What operators of a template do ------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_OPERATORS_H
#define QUIPU_RUNTIME_CHAT_JINJA_OPERATORS_H

#include "runtime/chat/jinja/Value.h"

#include <compare>
#include <functional>

namespace quipu::jinja {

enum class Operator : uint8_t {
  add,
  subtract,
  multiply,
  divide,
  floorDivide,
  modulo,
  power,
  equal,
  notEqual,
  less,
  lessEqual,
  greater,
  greaterEqual,
  in,
  notIn
};

/// As the template writes it: "+".
const char *spelling(Operator op);

/// All throw Failure where Python would raise TypeError.
Value calculate(Run &run, Operator op, const Value &left, const Value &right);
bool compare(Run &run, Operator op, const Value &left, const Value &right);
Value negate(Run &run, const Value &value);

bool areEqual(Run &run, const Value &left, const Value &right);
/// `symbol`: "<", for messages.
std::partial_ordering order(Run &run, const Value &left, const Value &right, const char *symbol);
bool contains(Run &run, const Value &container, const Value &item);

/// Calls `visit` for each item that a loop over the value has; it may return false to stop. Throws Failure for a value
/// without items.
void forEachItem(Run &run, const Value &value, const std::function<bool(const Value &)> &visit);
List itemsOf(Run &run, const Value &value);

/// value[key], and value.name. Undefined where there is none.
Value itemOf(Run &run, const Value &value, const Value &key);
Value attributeOf(Run &run, const Value &value, const std::string &name);
/// value[begin:end:step]; None: left out.
Value sliceOf(Run &run, const Value &value, const Value &begin, const Value &end, const Value &step);

Value call(Run &run, const Value &function, const Arguments &arguments);

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_OPERATORS_H
