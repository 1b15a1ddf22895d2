//===- ParseExpressions.cpp - Expressions of a template ----------------------------------===//
//
// Source of the ranks of operators: pallets/jinja, parser.py.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/chat/jinja/Parser.h"
#include "runtime/support/Number.h"

#include <optional>

namespace quipu::jinja {

Parser::Nesting::Nesting(Parser &parser) : parser(parser) {
  if (++parser.depth > kMaxNesting)
    throw Failure(concat("expressions and blocks nest more than ", kMaxNesting, " levels deep"), parser.line());
}

void Parser::checkChain(unsigned &length) const {
  if (++length > kMaxChain)
    throw Failure(concat("more than ", kMaxChain, " filters, calls or subscripts follow one value"), line());
}

bool Parser::isSymbol(std::string_view symbol) const {
  return current().kind == Kind::symbol && current().spelling == symbol;
}

bool Parser::isName(std::string_view name) const { return current().kind == Kind::name && current().spelling == name; }

bool Parser::skipSymbol(std::string_view symbol) {
  bool isHere = isSymbol(symbol);
  if (isHere)
    next();
  return isHere;
}

bool Parser::skipName(std::string_view name) {
  bool isHere = isName(name);
  if (isHere)
    next();
  return isHere;
}

void Parser::refuseHere(const std::string &wanted) const {
  throw Failure(concat("expected ", wanted, ", found ", describe(current())), line());
}

void Parser::expectSymbol(std::string_view symbol) {
  if (!skipSymbol(symbol))
    refuseHere(concat("'", symbol, "'"));
}

void Parser::expect(Kind kind) {
  if (current().kind != kind)
    refuseHere(describe({kind, "", 0}));
  next();
}

std::string Parser::expectName() {
  if (current().kind != Kind::name)
    refuseHere("a name");
  std::string name = current().spelling;
  next();
  return name;
}

ExpressionPtr Parser::expression() {
  Nesting nesting(*this);
  ExpressionPtr value = orExpression();
  unsigned begin = line(), length = 0;
  while (skipName("if")) {
    checkChain(length);
    ExpressionPtr condition = orExpression(), otherwise = skipName("else") ? expression() : nullptr;
    value = std::make_unique<Choice>(std::move(condition), std::move(value), std::move(otherwise), begin);
  }
  return value;
}

ExpressionPtr Parser::orExpression() {
  unsigned begin = line();
  std::vector<ExpressionPtr> parts;
  do
    parts.push_back(andExpression());
  while (skipName("or"));
  return parts.size() == 1 ? std::move(parts[0]) : std::make_unique<Logic>(std::move(parts), /*isAnd=*/false, begin);
}

ExpressionPtr Parser::andExpression() {
  unsigned begin = line();
  std::vector<ExpressionPtr> parts;
  do
    parts.push_back(notExpression());
  while (skipName("and"));
  return parts.size() == 1 ? std::move(parts[0]) : std::make_unique<Logic>(std::move(parts), /*isAnd=*/true, begin);
}

ExpressionPtr Parser::notExpression() {
  unsigned begin = line();
  if (!skipName("not"))
    return comparison();
  Nesting nesting(*this);
  return std::make_unique<Unary>(Unary::Kind::logicalNot, notExpression(), begin);
}

/// The operator that one of these symbols spells.
static std::optional<Operator> operatorOf(const Token &token, std::initializer_list<Operator> candidates) {
  if (token.kind == Token::Kind::symbol)
    for (Operator op : candidates)
      if (token.spelling == spelling(op))
        return op;
  return std::nullopt;
}

ExpressionPtr Parser::comparison() {
  unsigned begin = line();
  ExpressionPtr first = sum();
  std::vector<Calculation::Step> steps;
  while (true) {
    bool isNotIn = isName("not") && behind().kind == Kind::name && behind().spelling == "in";
    if (std::optional<Operator> op =
            operatorOf(current(), {Operator::equal, Operator::notEqual, Operator::less, Operator::lessEqual,
                                   Operator::greater, Operator::greaterEqual})) {
      next();
      steps.push_back({*op, sum()});
    } else if (isNotIn) {
      next();
      next();
      steps.push_back({Operator::notIn, sum()});
    } else if (skipName("in")) {
      steps.push_back({Operator::in, sum()});
    } else {
      break;
    }
  }
  return steps.empty() ? std::move(first) : std::make_unique<Comparison>(std::move(first), std::move(steps), begin);
}

ExpressionPtr Parser::sum() {
  unsigned begin = line();
  ExpressionPtr first = concatenation();
  std::vector<Calculation::Step> steps;
  while (std::optional<Operator> op = operatorOf(current(), {Operator::add, Operator::subtract})) {
    next();
    steps.push_back({*op, concatenation()});
  }
  return steps.empty() ? std::move(first) : std::make_unique<Calculation>(std::move(first), std::move(steps), begin);
}

ExpressionPtr Parser::concatenation() {
  unsigned begin = line();
  std::vector<ExpressionPtr> parts;
  do
    parts.push_back(product());
  while (skipSymbol("~"));
  return parts.size() == 1 ? std::move(parts[0]) : std::make_unique<Concatenation>(std::move(parts), begin);
}

ExpressionPtr Parser::product() {
  unsigned begin = line();
  ExpressionPtr first = power();
  std::vector<Calculation::Step> steps;
  while (std::optional<Operator> op =
             operatorOf(current(), {Operator::multiply, Operator::divide, Operator::floorDivide, Operator::modulo})) {
    next();
    steps.push_back({*op, power()});
  }
  return steps.empty() ? std::move(first) : std::make_unique<Calculation>(std::move(first), std::move(steps), begin);
}

ExpressionPtr Parser::power() {
  unsigned begin = line();
  ExpressionPtr first = unary();
  std::vector<Calculation::Step> steps;
  while (skipSymbol("**"))
    steps.push_back({Operator::power, unary()});
  return steps.empty() ? std::move(first) : std::make_unique<Calculation>(std::move(first), std::move(steps), begin);
}

ExpressionPtr Parser::unary(bool withFilters) {
  Nesting nesting(*this);
  unsigned begin = line();
  ExpressionPtr value;
  if (skipSymbol("-"))
    value = std::make_unique<Unary>(Unary::Kind::minus, unary(false), begin);
  else if (skipSymbol("+"))
    value = std::make_unique<Unary>(Unary::Kind::plus, unary(false), begin);
  else
    value = primary();
  value = postfix(std::move(value));
  return withFilters ? filters(std::move(value)) : std::move(value);
}

ExpressionPtr Parser::nameOrConstant() {
  unsigned begin = line();
  std::string name = expectName();
  if (name == "true" || name == "True" || name == "false" || name == "False")
    return std::make_unique<Literal>(Value(name == "true" || name == "True"), begin);
  if (name == "none" || name == "None")
    return std::make_unique<Literal>(Value(), begin);
  return std::make_unique<Name>(std::move(name), begin);
}

ExpressionPtr Parser::primary() {
  const Token token = current();
  switch (token.kind) {
  case Kind::name:
    return nameOrConstant();
  case Kind::text: {
    std::string text;
    for (; current().kind == Kind::text; next())
      text += current().spelling;
    return std::make_unique<Literal>(Value(MarkedText(std::move(text))), token.line);
  }
  case Kind::integer: {
    std::optional<int64_t> value = parseNumber<int64_t>(token.spelling);
    if (!value)
      refuseHere("a number that 64 bits hold, without zeros in front");
    next();
    return std::make_unique<Literal>(Value(*value), token.line);
  }
  case Kind::decimal: {
    std::optional<double> value = parseNumber<double>(token.spelling);
    if (!value)
      refuseHere("a number");
    next();
    return std::make_unique<Literal>(Value(*value), token.line);
  }
  default:
    break;
  }
  if (isSymbol("["))
    return listLiteral();
  if (isSymbol("{"))
    return dictLiteral();
  if (!skipSymbol("("))
    refuseHere("an expression");
  ExpressionPtr value = tuple(/*withChoice=*/true, /*isInParentheses=*/true);
  expectSymbol(")");
  return value;
}

ExpressionPtr Parser::listLiteral() {
  unsigned begin = line();
  expectSymbol("[");
  std::vector<ExpressionPtr> items;
  while (!isSymbol("]")) {
    if (!items.empty())
      expectSymbol(",");
    if (isSymbol("]"))
      break;
    items.push_back(expression());
  }
  next();
  return std::make_unique<ListExpression>(std::move(items), /*isTuple=*/false, begin);
}

ExpressionPtr Parser::dictLiteral() {
  unsigned begin = line();
  expectSymbol("{");
  DictExpression::Entries entries;
  while (!isSymbol("}")) {
    if (!entries.empty())
      expectSymbol(",");
    if (isSymbol("}"))
      break;
    ExpressionPtr key = expression();
    expectSymbol(":");
    entries.emplace_back(std::move(key), expression());
  }
  next();
  return std::make_unique<DictExpression>(std::move(entries), begin);
}

bool Parser::endsTuple() const {
  return current().kind == Kind::outputEnd || current().kind == Kind::blockEnd || current().kind == Kind::end ||
         isSymbol(")") || isName("in") || isName("recursive");
}

ExpressionPtr Parser::tuple(bool withChoice, bool isInParentheses) {
  unsigned begin = line();
  std::vector<ExpressionPtr> items;
  bool isTuple = false;
  while (!endsTuple()) {
    items.push_back(withChoice ? expression() : orExpression());
    if (!skipSymbol(","))
      break;
    isTuple = true;
  }
  if (items.size() == 1 && !isTuple)
    return std::move(items[0]);
  if (items.empty() && !isInParentheses)
    refuseHere("an expression");
  return std::make_unique<ListExpression>(std::move(items), /*isTuple=*/true, begin);
}

ExpressionPtr Parser::postfix(ExpressionPtr value) {
  for (unsigned length = 0;; checkChain(length)) {
    if (isSymbol(".") || isSymbol("["))
      value = subscript(std::move(value));
    else if (isSymbol("("))
      value = std::make_unique<Call>(std::move(value), arguments(), line());
    else
      return value;
  }
}

ExpressionPtr Parser::subscript(ExpressionPtr value) {
  unsigned begin = line();
  if (!skipSymbol("."))
    return bracketed(std::move(value));
  if (current().kind == Kind::name)
    return std::make_unique<Attribute>(std::move(value), expectName(), begin);
  if (current().kind != Kind::integer)
    refuseHere("a name or a number");
  return std::make_unique<Item>(std::move(value), primary(), begin);
}

ExpressionPtr Parser::bracketed(ExpressionPtr value) {
  unsigned begin = line();
  expectSymbol("[");
  // The places of a slice, which may be left out.
  std::vector<ExpressionPtr> places;
  auto endsPlace = [&] { return isSymbol(":") || isSymbol("]"); };
  places.push_back(endsPlace() ? nullptr : expression());
  while (places.size() < 3 && skipSymbol(":"))
    places.push_back(endsPlace() ? nullptr : expression());
  expectSymbol("]");
  if (places.size() == 1 && !places[0])
    refuseHere("an expression in front of ']'");
  if (places.size() == 1)
    return std::make_unique<Item>(std::move(value), std::move(places[0]), begin);
  places.resize(3);
  return std::make_unique<Slice>(std::move(value), std::move(places[0]), std::move(places[1]), std::move(places[2]),
                                 begin);
}

ExpressionPtr Parser::filters(ExpressionPtr value) {
  for (unsigned length = 0;; checkChain(length)) {
    if (isSymbol("|"))
      value = filter(std::move(value));
    else if (isName("is"))
      value = test(std::move(value));
    else if (isSymbol("("))
      value = std::make_unique<Call>(std::move(value), arguments(), line());
    else
      return value;
  }
}

std::string Parser::dottedName() {
  std::string name = expectName();
  while (skipSymbol("."))
    name += "." + expectName();
  return name;
}

ExpressionPtr Parser::filter(ExpressionPtr value) {
  expectSymbol("|");
  unsigned begin = line();
  std::string name = dottedName();
  ArgumentsSyntax given = isSymbol("(") ? arguments() : ArgumentsSyntax();
  return std::make_unique<Filter>(std::move(value), std::move(name), std::move(given), begin);
}

ExpressionPtr Parser::test(ExpressionPtr value) {
  unsigned begin = line();
  next();
  bool isNegated = skipName("not");
  std::string name = dottedName();
  ArgumentsSyntax given;
  bool beginsValue = current().kind == Kind::name || current().kind == Kind::text || current().kind == Kind::integer ||
                     current().kind == Kind::decimal || isSymbol("[") || isSymbol("{");
  if (isSymbol("(")) {
    given = arguments();
  } else if (isName("is")) {
    refuseHere("one test behind a value");
  } else if (beginsValue && !isName("else") && !isName("or") && !isName("and") && !isName("if")) {
    given.positional.push_back(postfix(primary()));
  }
  ExpressionPtr result = std::make_unique<Test>(std::move(value), std::move(name), std::move(given), begin);
  return isNegated ? std::make_unique<Unary>(Unary::Kind::logicalNot, std::move(result), begin) : std::move(result);
}

void Parser::argument(ArgumentsSyntax &result) {
  if (skipSymbol("**")) {
    if (result.dict)
      refuseHere("one '**' alone");
    result.dict = expression();
  } else if (skipSymbol("*")) {
    if (result.list || result.dict)
      refuseHere("one '*' alone, in front of '**'");
    result.list = expression();
  } else if (current().kind == Kind::name && behind().kind == Kind::symbol && behind().spelling == "=") {
    std::string name = expectName();
    next();
    result.named.emplace_back(std::move(name), expression());
  } else {
    if (!result.named.empty() || result.list || result.dict)
      refuseHere("arguments without a name in front of those with one");
    result.positional.push_back(expression());
  }
}

ArgumentsSyntax Parser::arguments() {
  expectSymbol("(");
  ArgumentsSyntax result;
  while (!isSymbol(")")) {
    argument(result);
    if (!isSymbol(")"))
      expectSymbol(",");
  }
  next();
  return result;
}

} // namespace quipu::jinja
