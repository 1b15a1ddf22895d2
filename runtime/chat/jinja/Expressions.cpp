//===- Expressions.cpp - The kinds of expressions ----------------------------------------===//

#include "runtime/chat/jinja/Expressions.h"
#include "runtime/chat/jinja/Texts.h"

namespace quipu::jinja {

Value Name::evaluate(Run &, Scope &scope) const {
  if (const Value *found = scope.find(name))
    return *found;
  if (const Builtin *function = findFunction(name))
    return Value(std::shared_ptr<Object>(std::make_shared<BuiltinFunction>(*function, std::nullopt)));
  return Value::undefined(concat(shown(name), " is undefined"));
}

Value ListExpression::evaluate(Run &run, Scope &scope) const {
  List values;
  for (const ExpressionPtr &item : items)
    values.push_back(item->value(run, scope));
  return makeList(std::move(values), isTuple);
}

Value DictExpression::evaluate(Run &run, Scope &scope) const {
  std::vector<std::pair<Value, Value>> values;
  for (const auto &[key, value] : entries) {
    Value name = key->value(run, scope);
    values.emplace_back(std::move(name), value->value(run, scope));
  }
  return makeDict(run, std::move(values));
}

Value Attribute::evaluate(Run &run, Scope &scope) const {
  Value from = object->value(run, scope);
  run.line = line;
  return attributeOf(run, from, name);
}

Value Item::evaluate(Run &run, Scope &scope) const {
  Value from = object->value(run, scope), wanted = key->value(run, scope);
  run.line = line;
  return itemOf(run, from, wanted);
}

Value Slice::evaluate(Run &run, Scope &scope) const {
  auto valueOf = [&](const ExpressionPtr &place) { return place ? place->value(run, scope) : Value(); };
  Value from = object->value(run, scope), first = valueOf(begin), last = valueOf(end), stride = valueOf(step);
  run.line = line;
  return sliceOf(run, from, first, last, stride);
}

Arguments ArgumentsSyntax::values(Run &run, Scope &scope) const {
  Arguments result;
  for (const ExpressionPtr &argument : positional)
    result.positional.push_back(argument->value(run, scope));
  for (const auto &[name, argument] : named)
    result.named.emplace_back(name, argument->value(run, scope));
  if (list)
    for (Value &item : itemsOf(run, list->value(run, scope)))
      result.positional.push_back(std::move(item));
  if (!dict)
    return result;
  Value more = dict->value(run, scope);
  if (!more.isDict())
    refuse("** takes a dict, not ", more.kind());
  for (const auto &[key, value] : more.dict().entries) {
    if (!key.isText())
      refuse("** takes a dict whose keys are texts");
    run.budget.step();
    result.named.emplace_back(key.bytes(), value);
  }
  return result;
}

Value Call::valueWith(Run &run, Scope &scope, const Value *caller) const {
  Value called = function->value(run, scope);
  Arguments given = arguments.values(run, scope);
  if (caller)
    given.named.emplace_back("caller", *caller);
  run.line = line;
  return call(run, called, given);
}

Value Filter::filtered(Run &run, Scope &scope, const Value &value) const {
  Arguments given = arguments.values(run, scope);
  run.line = line;
  if (!builtin)
    refuse("there is no filter named ", shown(name));
  return callBuiltin(run, *builtin, "filter", value, given);
}

Value Filter::evaluate(Run &run, Scope &scope) const { return filtered(run, scope, input->value(run, scope)); }

Value Filter::apply(Run &run, Scope &scope, const Value &text) const {
  Level level(run.budget);
  const auto *before = dynamic_cast<const Filter *>(input.get());
  return filtered(run, scope, before ? before->apply(run, scope, text) : text);
}

Value Test::evaluate(Run &run, Scope &scope) const {
  Value tested = input->value(run, scope);
  Arguments given = arguments.values(run, scope);
  run.line = line;
  if (!builtin)
    refuse("there is no test named ", shown(name));
  return Value(isSo(run, *builtin, tested, given));
}

Value Calculation::evaluate(Run &run, Scope &scope) const {
  Value result = first->value(run, scope);
  for (const Step &step : steps) {
    Value operand = step.operand->value(run, scope);
    run.line = line;
    result = calculate(run, step.op, result, operand);
  }
  return result;
}

Value Comparison::evaluate(Run &run, Scope &scope) const {
  Value left = first->value(run, scope);
  for (const Step &step : steps) {
    Value right = step.operand->value(run, scope);
    run.line = line;
    if (!compare(run, step.op, left, right))
      return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Concatenation::evaluate(Run &run, Scope &scope) const {
  MarkedText result;
  for (const ExpressionPtr &part : parts) {
    Value more = part->value(run, scope);
    run.line = line;
    appendText(run, result, more);
  }
  return Value(std::move(result));
}

Value Logic::evaluate(Run &run, Scope &scope) const {
  Value result;
  for (const ExpressionPtr &part : parts) {
    result = part->value(run, scope);
    if (result.isTrue() != isAnd)
      break;
  }
  return result;
}

Value Unary::evaluate(Run &run, Scope &scope) const {
  Value of = operand->value(run, scope);
  run.line = line;
  if (kind == Kind::logicalNot)
    return Value(!of.isTrue());
  if (kind == Kind::minus)
    return negate(run, of);
  if (!of.isNumber())
    refuse("'+' does not go with ", of.kind());
  return of;
}

Value Choice::evaluate(Run &run, Scope &scope) const {
  if (condition->value(run, scope).isTrue())
    return ifTrue->value(run, scope);
  return ifFalse ? ifFalse->value(run, scope)
                 : Value::undefined("the condition of an 'if' without 'else' is false, so it has no value");
}

} // namespace quipu::jinja
