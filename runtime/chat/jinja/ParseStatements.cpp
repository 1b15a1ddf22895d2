//===- ParseStatements.cpp - Statements of a template ------------------------------------===//

#include "runtime/chat/jinja/Parser.h"

#include <algorithm>
#include <utility>

namespace quipu::jinja {

Block Parser::parse() {
  Block result = block({});
  if (current().kind != Kind::end)
    refuseHere("the end of the template");
  return result;
}

/// Statements up to a tag that begins with one of these names; the name is what is read next. Without names: to the end
/// of the template.
Block Parser::block(Names ends) {
  Nesting nesting(*this);
  Block result;
  while (current().kind != Kind::end) {
    const Token token = current();
    next();
    if (token.kind == Kind::data) {
      result.push_back(std::make_unique<Data>(token.spelling, token.line));
    } else if (token.kind == Kind::outputBegin) {
      result.push_back(std::make_unique<Output>(tuple(), token.line));
      expect(Kind::outputEnd);
    } else {
      if (current().kind == Kind::name && std::ranges::find(ends, current().spelling) != ends.end())
        return result;
      result.push_back(statement());
      expect(Kind::blockEnd);
    }
  }
  if (!ends.empty())
    refuseHere(concat("{% ", ends.back(), " %}"));
  return result;
}

StatementPtr Parser::statement() {
  if (current().kind != Kind::name)
    refuseHere("the name of a statement");
  const std::string name = current().spelling;
  using Reader = StatementPtr (Parser::*)();
  static constexpr std::pair<std::string_view, Reader> kReaders[] = {
      {"if", &Parser::ifStatement},       {"for", &Parser::forStatement},   {"set", &Parser::setStatement},
      {"macro", &Parser::macroStatement}, {"call", &Parser::callStatement}, {"filter", &Parser::filterStatement},
      {"with", &Parser::withStatement}};
  for (const auto &[known, reader] : kReaders)
    if (name == known)
      return (this->*reader)();
  if (name == "break")
    return loopControl(Flow::breakLoop);
  if (name == "continue")
    return loopControl(Flow::continueLoop);
  unsigned begin = line();
  if (name == "generation") {
    next();
    return std::make_unique<Generation>(ownBody("endgeneration"), begin);
  }
  for (std::string_view foreign : {"include", "import", "from", "extends", "block"})
    if (name == foreign)
      throw Failure(concat("'", name, "' is not allowed: a chat template is one file, and reads no others"), begin);
  throw Failure(concat("there is no statement ", shown(name)), begin);
}

Block Parser::ownBody(std::string_view end) {
  expect(Kind::blockEnd);
  unsigned around = std::exchange(loops, 0);
  Block body = block({&end, 1});
  next();
  loops = around;
  return body;
}

StatementPtr Parser::loopControl(Flow flow) {
  unsigned begin = line();
  if (loops == 0)
    throw Failure(concat("'", current().spelling, "' is not in a loop"), begin);
  next();
  return std::make_unique<LoopControl>(flow, begin);
}

StatementPtr Parser::ifStatement() {
  static constexpr std::string_view kEnds[] = {"elif", "else", "endif"};
  unsigned begin = line();
  std::vector<If::Branch> branches;
  next();
  for (bool isElse = false;;) {
    ExpressionPtr condition = isElse ? nullptr : tuple(/*withChoice=*/false);
    expect(Kind::blockEnd);
    Block body = block(isElse ? Names(kEnds).last(1) : Names(kEnds));
    branches.push_back({std::move(condition), std::move(body)});
    std::string end = expectName();
    if (end == "endif")
      return std::make_unique<If>(std::move(branches), begin);
    isElse = end == "else";
  }
}

Target Parser::singleTarget() {
  if (skipSymbol("(")) {
    Target inner = target(")");
    expectSymbol(")");
    return inner;
  }
  Target result;
  unsigned begin = line();
  result.name = expectName();
  for (std::string_view constant : {"true", "True", "false", "False", "none", "None"})
    if (result.name == constant)
      throw Failure(concat("'", constant, "' cannot get another value"), begin);
  if (skipSymbol("."))
    result.attribute = expectName();
  return result;
}

/// `end`: the symbol or name behind the target.
Target Parser::target(std::string_view end) {
  Nesting nesting(*this);
  Target first = singleTarget();
  if (!isSymbol(","))
    return first;
  Target several;
  several.parts.push_back(std::move(first));
  while (skipSymbol(","))
    if (!isSymbol(end) && !isName(end))
      several.parts.push_back(singleTarget());
  return several;
}

StatementPtr Parser::forStatement() {
  static constexpr std::string_view kEnds[] = {"else", "endfor"};
  unsigned begin = line();
  next();
  For::Parts parts;
  parts.target = target("in");
  if (!skipName("in"))
    refuseHere("'in'");
  parts.items = tuple(/*withChoice=*/false);
  if (skipName("if"))
    parts.condition = expression();
  if (isName("recursive"))
    throw Failure("loops that call themselves (recursive) are not supported; use a macro", line());
  expect(Kind::blockEnd);
  ++loops;
  parts.body = block(kEnds);
  --loops;
  if (expectName() == "else") {
    expect(Kind::blockEnd);
    parts.otherwise = block(Names(kEnds).last(1));
    next();
  }
  return std::make_unique<For>(std::move(parts), begin);
}

StatementPtr Parser::setStatement() {
  unsigned begin = line();
  next();
  Target to = target("=");
  if (skipSymbol("="))
    return std::make_unique<Set>(std::move(to), tuple(), begin);
  std::unique_ptr<Filter> filter = isSymbol("|") ? blockFilter() : nullptr;
  return std::make_unique<SetBlock>(std::move(to), std::move(filter), ownBody("endset"), begin);
}

/// Filters of a block: the first has no input.
std::unique_ptr<Filter> Parser::blockFilter() {
  std::unique_ptr<Filter> result;
  for (unsigned length = 0; !result || isSymbol("|"); checkChain(length)) {
    skipSymbol("|");
    unsigned begin = line();
    std::string name = dottedName();
    ArgumentsSyntax given = isSymbol("(") ? arguments() : ArgumentsSyntax();
    result = std::make_unique<Filter>(std::move(result), std::move(name), std::move(given), begin);
  }
  return result;
}

StatementPtr Parser::filterStatement() {
  unsigned begin = line();
  next();
  std::unique_ptr<Filter> filter = blockFilter();
  return std::make_unique<FilterBlock>(std::move(filter), ownBody("endfilter"), begin);
}

StatementPtr Parser::withStatement() {
  unsigned begin = line();
  next();
  std::vector<std::pair<Target, ExpressionPtr>> variables;
  while (current().kind != Kind::blockEnd) {
    if (!variables.empty())
      expectSymbol(",");
    Target to = target("=");
    expectSymbol("=");
    variables.emplace_back(std::move(to), expression());
  }
  return std::make_unique<With>(std::move(variables), ownBody("endwith"), begin);
}

void Parser::parameters(MacroBody &body) {
  expectSymbol("(");
  while (!isSymbol(")")) {
    if (!body.parameters.empty())
      expectSymbol(",");
    if (isSymbol(")"))
      break;
    std::string name = expectName();
    ExpressionPtr otherwise = skipSymbol("=") ? expression() : nullptr;
    if (!otherwise && !body.parameters.empty() && body.parameters.back().second)
      refuseHere("a default, since the parameter before has one");
    body.parameters.emplace_back(std::move(name), std::move(otherwise));
  }
  next();
}

StatementPtr Parser::macroStatement() {
  unsigned begin = line();
  next();
  MacroBody body;
  body.name = expectName();
  parameters(body);
  body.body = ownBody("endmacro");
  return std::make_unique<Macro>(std::move(body), begin);
}

StatementPtr Parser::callStatement() {
  unsigned begin = line();
  next();
  MacroBody body;
  body.name = "caller";
  if (isSymbol("("))
    parameters(body);
  ExpressionPtr value = expression();
  auto *call = dynamic_cast<Call *>(value.get());
  if (!call)
    throw Failure("a call block calls a macro: {% call name() %}", begin);
  value.release();
  std::unique_ptr<Call> called(call);
  body.body = ownBody("endcall");
  return std::make_unique<CallBlock>(std::move(called), std::move(body), begin);
}

} // namespace quipu::jinja
