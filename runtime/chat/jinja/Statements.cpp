//===- Statements.cpp - The kinds of statements ------------------------------------------===//

#include "runtime/chat/jinja/Statements.h"
#include "runtime/chat/jinja/Objects.h"
#include "runtime/chat/jinja/Texts.h"

#include <algorithm>

namespace quipu::jinja {

Flow runBlock(const Block &block, Run &run, Scope &scope, MarkedText &out) {
  for (const StatementPtr &statement : block)
    if (Flow flow = statement->run(run, scope, out); flow != Flow::next)
      return flow;
  return Flow::next;
}

Flow Output::execute(Run &run, Scope &scope, MarkedText &out) const {
  Value value = shown->value(run, scope);
  run.line = line;
  appendText(run, out, value);
  return Flow::next;
}

Flow If::execute(Run &run, Scope &scope, MarkedText &out) const {
  for (const Branch &branch : branches)
    if (!branch.condition || branch.condition->value(run, scope).isTrue())
      return runBlock(branch.body, run, scope, out);
  return Flow::next;
}

void Target::assign(Run &run, Scope &scope, const Value &value) const {
  if (!parts.empty()) {
    List values = itemsOf(run, value);
    if (values.size() != parts.size())
      refuse("there are ", parts.size(), " names for ", values.size(), " values");
    for (size_t i = 0; i < parts.size(); ++i)
      parts[i].assign(run, scope, values[i]);
  } else if (attribute.empty()) {
    scope.set(name, value);
  } else {
    const Value *found = scope.find(name);
    auto *space = found ? found->objectAs<Namespace>() : nullptr;
    if (!space)
      refuse("only a namespace takes attributes, and ", shown(name), " is ",
             found ? concat(found->kind()) : "undefined");
    space->set(attribute, value);
  }
}

List For::wantedItems(Run &run, Scope &scope) const {
  List items = itemsOf(run, parts.items->value(run, scope));
  if (!parts.condition)
    return items;
  List wanted;
  for (Value &item : items) {
    Scope inner(&scope);
    parts.target.assign(run, inner, item);
    if (parts.condition->value(run, inner).isTrue())
      wanted.push_back(std::move(item));
  }
  return wanted;
}

Flow For::execute(Run &run, Scope &scope, MarkedText &out) const {
  List items = wantedItems(run, scope);
  if (items.empty())
    return runBlock(parts.otherwise, run, scope, out);
  auto loop = std::make_shared<Loop>(std::move(items));
  for (; loop->index < loop->items.size(); ++loop->index) {
    run.budget.step();
    Scope inner(&scope);
    inner.set("loop", Value(std::shared_ptr<Object>(loop)));
    parts.target.assign(run, inner, loop->items[loop->index]);
    if (runBlock(parts.body, run, inner, out) == Flow::breakLoop)
      break;
  }
  return Flow::next;
}

Flow Set::execute(Run &run, Scope &scope, MarkedText &) const {
  Value value = assigned->value(run, scope);
  run.line = line;
  target.assign(run, scope, value);
  return Flow::next;
}

Flow SetBlock::execute(Run &run, Scope &scope, MarkedText &) const {
  MarkedText text;
  Scope inner(&scope);
  runBlock(body, run, inner, text);
  Value value(std::move(text));
  if (filter)
    value = filter->apply(run, scope, value);
  run.line = line;
  target.assign(run, scope, value);
  return Flow::next;
}

Flow FilterBlock::execute(Run &run, Scope &scope, MarkedText &out) const {
  MarkedText text;
  Scope inner(&scope);
  runBlock(body, run, inner, text);
  Value value = filter->apply(run, scope, Value(std::move(text)));
  run.line = line;
  appendText(run, out, value);
  return Flow::next;
}

Flow With::execute(Run &run, Scope &scope, MarkedText &out) const {
  Scope inner(&scope);
  for (const auto &[target, expression] : variables)
    target.assign(run, inner, expression->value(run, scope));
  return runBlock(body, run, inner, out);
}

Flow Generation::execute(Run &run, Scope &scope, MarkedText &out) const {
  MarkedText text;
  Scope inner(&scope);
  runBlock(body, run, inner, text);
  text.mark(kGenerated);
  run.append(out, text);
  return Flow::next;
}

/// Binds arguments to the parameters of a macro. What is left over is in `varargs` and `kwargs`.
static void bindParameters(const MacroBody &macro, Run &run, Scope &scope, const Arguments &arguments) {
  const auto &parameters = macro.parameters;
  auto namedOf = [&](const std::string &name) -> const Value * {
    auto found = std::ranges::find_if(arguments.named, [&](const auto &entry) { return entry.first == name; });
    return found == arguments.named.end() ? nullptr : &found->second;
  };
  run.budget.step(parameters.size() * (arguments.named.size() + 1));
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto &[name, otherwise] = parameters[i];
    const Value *named = namedOf(name);
    if (i < arguments.positional.size() && named)
      refuse("macro ", shown(macro.name), " gets its argument ", shown(name), " twice");
    if (i < arguments.positional.size())
      scope.set(name, arguments.positional[i]);
    else if (named)
      scope.set(name, *named);
    else if (otherwise)
      scope.set(name, otherwise->value(run, scope));
    else
      scope.set(name, Value::undefined(
                          concat("the argument ", shown(name), " of macro ", shown(macro.name), " is not given")));
  }
  std::vector<std::pair<Value, Value>> left;
  for (const auto &[name, value] : arguments.named) {
    bool isParameter = std::ranges::any_of(parameters, [&](const auto &parameter) { return parameter.first == name; });
    if (name == "caller" && !isParameter)
      scope.set("caller", value);
    else if (!isParameter)
      left.emplace_back(Value(MarkedText(name)), value);
  }
  scope.set("kwargs", makeDict(run, std::move(left)));
  size_t used = std::min(parameters.size(), arguments.positional.size());
  scope.set("varargs", makeList({arguments.positional.begin() + ptrdiff_t(used), arguments.positional.end()},
                                /*isTuple=*/true));
}

Value MacroBody::call(Run &run, Scope &outer, const Arguments &arguments) const {
  Level level(run.budget);
  Scope scope(&outer);
  bindParameters(*this, run, scope, arguments);
  MarkedText text;
  runBlock(body, run, scope, text);
  return Value(std::move(text));
}

Flow Macro::execute(Run &, Scope &scope, MarkedText &) const {
  // Macros see the variables of the template, not those of blocks around them, which may be gone.
  scope.set(body.name,
            Closure::make([this](Run &run, const Arguments &arguments) { return body.call(run, run.top, arguments); }));
  return Flow::next;
}

Flow CallBlock::execute(Run &run, Scope &scope, MarkedText &out) const {
  // The block's variables are there only while the macro runs.
  auto isOver = std::make_shared<bool>(false);
  Value caller = Closure::make([this, &scope, isOver](Run &run, const Arguments &arguments) {
    if (*isOver)
      refuse("caller() is called behind the end of its call block");
    return body.call(run, scope, arguments);
  });
  struct Ender {
    bool &isOver;
    ~Ender() { isOver = true; }
  } ender{*isOver};
  Value text = called->valueWith(run, scope, &caller);
  run.line = line;
  appendText(run, out, text);
  return Flow::next;
}

} // namespace quipu::jinja
