//===- Lexer.h - From a template's text to tokens ---------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_LEXER_H
#define QUIPU_RUNTIME_CHAT_JINJA_LEXER_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::jinja {

struct Token {
  enum class Kind { data, outputBegin, outputEnd, blockBegin, blockEnd, name, text, integer, decimal, symbol, end };
  Kind kind;
  /// Of `text`: what the escapes stand for.
  std::string spelling;
  unsigned line;
};

/// The tokens of a template, the last of which is `end`. White space is as with trim_blocks and lstrip_blocks: a
/// block's line end goes with it, and so do the blanks before a block at the beginning of a line. Throws Failure with a
/// line.
std::vector<Token> tokensOf(std::string_view source);

/// For messages: "the name 'foo'", "the end of the template".
std::string describe(const Token &token);

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_LEXER_H
