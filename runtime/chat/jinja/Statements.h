//===- Statements.h - The kinds of statements -------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_STATEMENTS_H
#define QUIPU_RUNTIME_CHAT_JINJA_STATEMENTS_H

#include "runtime/chat/jinja/Expressions.h"
#include "runtime/chat/jinja/Syntax.h"

namespace quipu::jinja {

/// Text outside of braces.
class Data : public Statement {
public:
  Data(std::string text, unsigned line) : Statement(line), text(std::move(text)) {}

protected:
  Flow execute(Run &run, Scope &, MarkedText &out) const override {
    run.write(out, text);
    return Flow::next;
  }

private:
  std::string text;
};

/// {{ value }}
class Output : public Statement {
public:
  Output(ExpressionPtr shown, unsigned line) : Statement(line), shown(std::move(shown)) {}

protected:
  Flow execute(Run &run, Scope &scope, MarkedText &out) const override;

private:
  ExpressionPtr shown;
};

class If : public Statement {
public:
  struct Branch {
    /// Null: else.
    ExpressionPtr condition;
    Block body;
  };
  If(std::vector<Branch> branches, unsigned line) : Statement(line), branches(std::move(branches)) {}

protected:
  Flow execute(Run &run, Scope &scope, MarkedText &out) const override;

private:
  std::vector<Branch> branches;
};

/// What a value is given to: a name, the name of a namespace and one in it, or several of these.
struct Target {
  std::string name;
  /// Empty: the variable itself.
  std::string attribute;
  /// Not empty: `name` is not used.
  std::vector<Target> parts;

  void assign(Run &run, Scope &scope, const Value &value) const;
};

class For : public Statement {
public:
  struct Parts {
    Target target;
    ExpressionPtr items;
    /// Null: all items.
    ExpressionPtr condition;
    Block body, otherwise;
  };
  For(Parts parts, unsigned line) : Statement(line), parts(std::move(parts)) {}

protected:
  Flow execute(Run &run, Scope &scope, MarkedText &out) const override;

private:
  List wantedItems(Run &run, Scope &scope) const;
  Parts parts;
};

class LoopControl : public Statement {
public:
  LoopControl(Flow flow, unsigned line) : Statement(line), flow(flow) {}

protected:
  Flow execute(Run &, Scope &, MarkedText &) const override { return flow; }

private:
  Flow flow;
};

class Set : public Statement {
public:
  Set(Target target, ExpressionPtr assigned, unsigned line)
      : Statement(line), target(std::move(target)), assigned(std::move(assigned)) {}

protected:
  Flow execute(Run &run, Scope &scope, MarkedText &out) const override;

private:
  Target target;
  ExpressionPtr assigned;
};

/// {% set name | filter %}text{% endset %}
class SetBlock : public Statement {
public:
  SetBlock(Target target, std::unique_ptr<Filter> filter, Block body, unsigned line)
      : Statement(line), target(std::move(target)), filter(std::move(filter)), body(std::move(body)) {}

protected:
  Flow execute(Run &run, Scope &scope, MarkedText &out) const override;

private:
  Target target;
  /// Null: none.
  std::unique_ptr<Filter> filter;
  Block body;
};

class FilterBlock : public Statement {
public:
  FilterBlock(std::unique_ptr<Filter> filter, Block body, unsigned line)
      : Statement(line), filter(std::move(filter)), body(std::move(body)) {}

protected:
  Flow execute(Run &run, Scope &scope, MarkedText &out) const override;

private:
  std::unique_ptr<Filter> filter;
  Block body;
};

/// {% with a = 1 %}, and a block whose variables are its own.
class With : public Statement {
public:
  With(std::vector<std::pair<Target, ExpressionPtr>> variables, Block body, unsigned line)
      : Statement(line), variables(std::move(variables)), body(std::move(body)) {}

protected:
  Flow execute(Run &run, Scope &scope, MarkedText &out) const override;

private:
  std::vector<std::pair<Target, ExpressionPtr>> variables;
  Block body;
};

/// {% generation %}: what the model is to write.
class Generation : public Statement {
public:
  Generation(Block body, unsigned line) : Statement(line), body(std::move(body)) {}

protected:
  Flow execute(Run &run, Scope &scope, MarkedText &out) const override;

private:
  Block body;
};

/// Parameters and body of a macro or of a call block.
struct MacroBody {
  std::string name;
  /// Null: no default.
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;
  Block body;

  /// The text that a call makes. `outer`: what the body sees beside the parameters.
  Value call(Run &run, Scope &outer, const Arguments &arguments) const;
};

class Macro : public Statement {
public:
  Macro(MacroBody body, unsigned line) : Statement(line), body(std::move(body)) {}

protected:
  Flow execute(Run &run, Scope &scope, MarkedText &out) const override;

private:
  MacroBody body;
};

/// {% call(x) macro() %}: the macro may call the text of the block.
class CallBlock : public Statement {
public:
  CallBlock(std::unique_ptr<Call> called, MacroBody body, unsigned line)
      : Statement(line), called(std::move(called)), body(std::move(body)) {}

protected:
  Flow execute(Run &run, Scope &scope, MarkedText &out) const override;

private:
  std::unique_ptr<Call> called;
  MacroBody body;
};

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_STATEMENTS_H
