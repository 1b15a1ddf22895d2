//===- Expressions.h - The kinds of expressions -----------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_EXPRESSIONS_H
#define QUIPU_RUNTIME_CHAT_JINJA_EXPRESSIONS_H

#include "runtime/chat/jinja/Builtin.h"
#include "runtime/chat/jinja/Operators.h"
#include "runtime/chat/jinja/Syntax.h"

namespace quipu::jinja {

class Literal : public Expression {
public:
  Literal(Value value, unsigned line) : Expression(line), constant(std::move(value)) {}

protected:
  Value evaluate(Run &, Scope &) const override { return constant; }

private:
  Value constant;
};

class Name : public Expression {
public:
  Name(std::string name, unsigned line) : Expression(line), name(std::move(name)) {}
  const std::string name;

protected:
  Value evaluate(Run &run, Scope &scope) const override;
};

/// [a, b] and (a, b).
class ListExpression : public Expression {
public:
  ListExpression(std::vector<ExpressionPtr> items, bool isTuple, unsigned line)
      : Expression(line), items(std::move(items)), isTuple(isTuple) {}
  std::vector<ExpressionPtr> items;
  const bool isTuple;

protected:
  Value evaluate(Run &run, Scope &scope) const override;
};

class DictExpression : public Expression {
public:
  using Entries = std::vector<std::pair<ExpressionPtr, ExpressionPtr>>;
  DictExpression(Entries entries, unsigned line) : Expression(line), entries(std::move(entries)) {}

protected:
  Value evaluate(Run &run, Scope &scope) const override;

private:
  Entries entries;
};

/// value.name
class Attribute : public Expression {
public:
  Attribute(ExpressionPtr object, std::string name, unsigned line)
      : Expression(line), object(std::move(object)), name(std::move(name)) {}

protected:
  Value evaluate(Run &run, Scope &scope) const override;

private:
  ExpressionPtr object;
  std::string name;
};

/// value[key]
class Item : public Expression {
public:
  Item(ExpressionPtr object, ExpressionPtr key, unsigned line)
      : Expression(line), object(std::move(object)), key(std::move(key)) {}

protected:
  Value evaluate(Run &run, Scope &scope) const override;

private:
  ExpressionPtr object, key;
};

/// value[begin:end:step], each of which may be null.
class Slice : public Expression {
public:
  Slice(ExpressionPtr object, ExpressionPtr begin, ExpressionPtr end, ExpressionPtr step, unsigned line)
      : Expression(line), object(std::move(object)), begin(std::move(begin)), end(std::move(end)),
        step(std::move(step)) {}

protected:
  Value evaluate(Run &run, Scope &scope) const override;

private:
  ExpressionPtr object, begin, end, step;
};

/// function(arguments)
class Call : public Expression {
public:
  Call(ExpressionPtr function, ArgumentsSyntax arguments, unsigned line)
      : Expression(line), function(std::move(function)), arguments(std::move(arguments)) {}

  /// `caller`: what a call block gives the macro; null: none.
  Value valueWith(Run &run, Scope &scope, const Value *caller) const;

protected:
  Value evaluate(Run &run, Scope &scope) const override { return valueWith(run, scope, nullptr); }

private:
  ExpressionPtr function;
  ArgumentsSyntax arguments;
};

/// value|filter(arguments), and what a filter block makes of its text.
class Filter : public Expression {
public:
  Filter(ExpressionPtr input, std::string name, ArgumentsSyntax arguments, unsigned line)
      : Expression(line), input(std::move(input)), name(std::move(name)), builtin(findFilter(this->name)),
        arguments(std::move(arguments)) {}

  /// Of a filter block: filters, the first of which has no input.
  Value apply(Run &run, Scope &scope, const Value &text) const;

protected:
  Value evaluate(Run &run, Scope &scope) const override;

private:
  Value filtered(Run &run, Scope &scope, const Value &value) const;

  /// Null: the text of a block.
  ExpressionPtr input;
  std::string name;
  /// Null: unknown.
  const Builtin *builtin;
  ArgumentsSyntax arguments;
};

/// value is test(arguments)
class Test : public Expression {
public:
  Test(ExpressionPtr input, std::string name, ArgumentsSyntax arguments, unsigned line)
      : Expression(line), input(std::move(input)), name(std::move(name)), builtin(findTest(this->name)),
        arguments(std::move(arguments)) {}

protected:
  Value evaluate(Run &run, Scope &scope) const override;

private:
  ExpressionPtr input;
  std::string name;
  const Builtin *builtin;
  ArgumentsSyntax arguments;
};

/// Operators of one rank, from left to right.
class Calculation : public Expression {
public:
  struct Step {
    Operator op;
    ExpressionPtr operand;
  };
  Calculation(ExpressionPtr first, std::vector<Step> steps, unsigned line)
      : Expression(line), first(std::move(first)), steps(std::move(steps)) {}

protected:
  Value evaluate(Run &run, Scope &scope) const override;

  ExpressionPtr first;
  std::vector<Step> steps;
};

/// a < b <= c: each pair must hold.
class Comparison : public Calculation {
public:
  using Calculation::Calculation;

protected:
  Value evaluate(Run &run, Scope &scope) const override;
};

/// a ~ b: texts of both.
class Concatenation : public Expression {
public:
  Concatenation(std::vector<ExpressionPtr> parts, unsigned line) : Expression(line), parts(std::move(parts)) {}

protected:
  Value evaluate(Run &run, Scope &scope) const override;

private:
  std::vector<ExpressionPtr> parts;
};

/// a and b and c, or a or b or c: the first value that decides.
class Logic : public Expression {
public:
  Logic(std::vector<ExpressionPtr> parts, bool isAnd, unsigned line)
      : Expression(line), parts(std::move(parts)), isAnd(isAnd) {}

protected:
  Value evaluate(Run &run, Scope &scope) const override;

private:
  std::vector<ExpressionPtr> parts;
  bool isAnd;
};

/// not a, -a, +a
class Unary : public Expression {
public:
  enum class Kind { logicalNot, minus, plus };
  Unary(Kind kind, ExpressionPtr operand, unsigned line) : Expression(line), kind(kind), operand(std::move(operand)) {}

protected:
  Value evaluate(Run &run, Scope &scope) const override;

private:
  Kind kind;
  ExpressionPtr operand;
};

/// a if condition else b; b may be null.
class Choice : public Expression {
public:
  Choice(ExpressionPtr condition, ExpressionPtr ifTrue, ExpressionPtr ifFalse, unsigned line)
      : Expression(line), condition(std::move(condition)), ifTrue(std::move(ifTrue)), ifFalse(std::move(ifFalse)) {}

protected:
  Value evaluate(Run &run, Scope &scope) const override;

private:
  ExpressionPtr condition, ifTrue, ifFalse;
};

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_EXPRESSIONS_H
