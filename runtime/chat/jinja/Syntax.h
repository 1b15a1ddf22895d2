//===- Syntax.h - A template's syntax tree ----------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_SYNTAX_H
#define QUIPU_RUNTIME_CHAT_JINJA_SYNTAX_H

#include "runtime/chat/jinja/Run.h"

#include <memory>
#include <vector>

namespace quipu::jinja {

/// What has a value.
class Expression {
public:
  explicit Expression(unsigned line) : line(line) {}
  virtual ~Expression() = default;

  /// The value, as a step and a level of the run.
  Value value(Run &run, Scope &scope) const {
    Level level(run.budget);
    run.budget.step();
    run.line = line;
    return evaluate(run, scope);
  }

  const unsigned line;

protected:
  virtual Value evaluate(Run &run, Scope &scope) const = 0;
};
using ExpressionPtr = std::unique_ptr<Expression>;

/// What follows a statement.
enum class Flow { next, breakLoop, continueLoop };

/// What writes text, or changes variables.
class Statement {
public:
  explicit Statement(unsigned line) : line(line) {}
  virtual ~Statement() = default;

  Flow run(Run &run, Scope &scope, MarkedText &out) const {
    Level level(run.budget);
    run.budget.step();
    run.line = line;
    return execute(run, scope, out);
  }

  const unsigned line;

protected:
  virtual Flow execute(Run &run, Scope &scope, MarkedText &out) const = 0;
};
using StatementPtr = std::unique_ptr<Statement>;
using Block = std::vector<StatementPtr>;

/// Runs statements until one leaves a loop.
Flow runBlock(const Block &block, Run &run, Scope &scope, MarkedText &out);

/// Arguments as a template writes them.
struct ArgumentsSyntax {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  /// *list and **dict; null: none.
  ExpressionPtr list, dict;

  Arguments values(Run &run, Scope &scope) const;
};

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_SYNTAX_H
