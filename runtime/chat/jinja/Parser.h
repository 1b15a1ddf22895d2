//===- Parser.h - From tokens to a syntax tree ------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_PARSER_H
#define QUIPU_RUNTIME_CHAT_JINJA_PARSER_H

#include "runtime/chat/jinja/Lexer.h"
#include "runtime/chat/jinja/Statements.h"

#include <span>

namespace quipu::jinja {

/// The statements of a template. Throws Failure with a line for what is no template, nests too deep, or asks for other
/// files.
class Parser {
public:
  explicit Parser(std::string_view source) : tokens(tokensOf(source)) {}
  Block parse();

private:
  using Kind = Token::Kind;
  using Names = std::span<const std::string_view>;

  // Tokens.
  const Token &current() const { return tokens[at]; }
  const Token &behind() const { return tokens[std::min(at + 1, tokens.size() - 1)]; }
  unsigned line() const { return current().line; }
  void next() { at = std::min(at + 1, tokens.size() - 1); }
  bool isSymbol(std::string_view symbol) const;
  bool isName(std::string_view name) const;
  bool skipSymbol(std::string_view symbol);
  bool skipName(std::string_view name);
  void expectSymbol(std::string_view symbol);
  void expect(Kind kind);
  std::string expectName();
  [[noreturn]] void refuseHere(const std::string &wanted) const;

  // Expressions, from the weakest operator on.
  ExpressionPtr expression();
  ExpressionPtr orExpression();
  ExpressionPtr andExpression();
  ExpressionPtr notExpression();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool withFilters = true);
  ExpressionPtr primary();
  ExpressionPtr nameOrConstant();
  ExpressionPtr listLiteral();
  ExpressionPtr dictLiteral();
  /// Subscripts and calls behind a value; filters and tests.
  ExpressionPtr postfix(ExpressionPtr value);
  ExpressionPtr subscript(ExpressionPtr value);
  ExpressionPtr bracketed(ExpressionPtr value);
  ExpressionPtr filters(ExpressionPtr value);
  ExpressionPtr filter(ExpressionPtr value);
  ExpressionPtr test(ExpressionPtr value);
  ArgumentsSyntax arguments();
  void argument(ArgumentsSyntax &arguments);
  std::string dottedName();
  /// Expressions with commas between them are a tuple. `endName`: a name that ends it, such as "in".
  ExpressionPtr tuple(bool withChoice = true, bool isInParentheses = false);
  bool endsTuple() const;

  // Statements.
  Block block(Names ends);
  StatementPtr statement();
  StatementPtr ifStatement();
  StatementPtr forStatement();
  StatementPtr setStatement();
  StatementPtr macroStatement();
  StatementPtr callStatement();
  StatementPtr filterStatement();
  StatementPtr withStatement();
  StatementPtr loopControl(Flow flow);
  Target target(std::string_view end);
  Target singleTarget();
  std::unique_ptr<Filter> blockFilter();
  void parameters(MacroBody &body);
  /// The statements up to the tag of that name, which is read too. Loops around it do not reach into it.
  Block ownBody(std::string_view end);

  /// A level of the source, while it is read.
  class Nesting {
  public:
    explicit Nesting(Parser &parser);
    ~Nesting() { --parser.depth; }
    Nesting(const Nesting &) = delete;
    Nesting &operator=(const Nesting &) = delete;

  private:
    Parser &parser;
  };
  /// Counts what stands behind one value.
  void checkChain(unsigned &length) const;

  std::vector<Token> tokens;
  size_t at = 0;
  unsigned depth = 0;
  unsigned loops = 0;
};

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_PARSER_H
