//===- Lexer.cpp - From a template's text to tokens --------------------------------------===//
//
// Source of the rules: pallets/jinja, lexer.py.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/chat/jinja/Lexer.h"
#include "runtime/chat/MarkedText.h"
#include "runtime/chat/jinja/Failure.h"
#include "runtime/chat/jinja/TextLiteral.h"
#include "runtime/support/Utf8.h"

#include <algorithm>
#include <array>
#include <optional>

namespace quipu::jinja {
namespace {

using Kind = Token::Kind;

/// Line ends become "\n", and the last one goes.
std::string normalised(std::string_view source) {
  std::string text;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n')
      continue;
    text += source[i] == '\r' ? '\n' : source[i];
  }
  if (text.ends_with('\n'))
    text.pop_back();
  return text;
}

bool isSpaceAt(std::string_view rest) { return !rest.empty() && isPythonSpace(codePointAt(rest)); }
bool isOneOf(char c, std::string_view characters) { return characters.find(c) != std::string_view::npos; }
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNameByte(char c) {
  return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || uint8_t(c) >= 0x80;
}

class Lexer {
public:
  explicit Lexer(std::string_view source) : text(normalised(source)) {}
  std::vector<Token> run();

private:
  std::string_view rest() const { return std::string_view(text).substr(at); }
  [[noreturn]] void refuseHere(const std::string &message) const { throw Failure(message, line); }

  void advance(size_t length);
  void skipSpace();
  void add(Kind kind, std::string spelling = "") { tokens.push_back({kind, std::move(spelling), line}); }

  bool readData();
  void addData(size_t end, char sign, bool isOutput);
  void endTag(char sign);
  void readComment();
  bool readRaw(size_t afterSign);
  void readTag(bool isOutput);
  bool readTagEnd(bool isOutput);
  void readToken();
  void readText();
  void readNumber();
  void readSymbol();

  const std::string text;
  size_t at = 0;
  unsigned line = 1;
  /// Whether what was read last ended a line.
  bool startsLine = true;
  /// Brackets that are open.
  std::string open;
  std::vector<Token> tokens;
};

void Lexer::advance(size_t length) {
  std::string_view passed = rest().substr(0, length);
  line += unsigned(std::ranges::count(passed, '\n'));
  if (!passed.empty())
    startsLine = passed.back() == '\n';
  at += passed.size();
}

void Lexer::skipSpace() {
  size_t end = at;
  while (isSpaceAt(std::string_view(text).substr(end)))
    end += characterLength(std::string_view(text).substr(end));
  advance(end - at);
}

/// Text from `at` to `end`, where a tag with this sign begins.
void Lexer::addData(size_t end, char sign, bool isOutput) {
  std::string_view data = std::string_view(text).substr(at, end - at);
  size_t length = data.size();
  if (sign == '-') {
    length = MarkedText("x" + std::string(data)).strip().size() - 1;
  } else if (sign != '+' && !isOutput) {
    size_t lineBegin = data.rfind('\n') + 1;
    bool isBlank = MarkedText(std::string(data.substr(lineBegin))).strip().empty();
    if ((lineBegin > 0 || startsLine) && isBlank)
      length = lineBegin;
  }
  if (length > 0)
    add(Kind::data, std::string(data.substr(0, length)));
  advance(end - at);
}

/// What follows "%}", "-%}" or "+%}".
void Lexer::endTag(char sign) {
  if (sign == '-')
    skipSpace();
  else if (sign != '+' && rest().starts_with('\n'))
    advance(1);
}

/// Reads text and the beginning of a tag. Returns whether there is one.
bool Lexer::readData() {
  size_t begin = at;
  while ((begin = text.find('{', begin)) != std::string::npos &&
         (begin + 1 == text.size() || !isOneOf(text[begin + 1], "{%#")))
    ++begin;
  if (begin == std::string::npos) {
    if (at < text.size())
      add(Kind::data, text.substr(at));
    return false;
  }
  char kind = text[begin + 1];
  char sign = begin + 2 < text.size() && (text[begin + 2] == '-' || text[begin + 2] == '+') ? text[begin + 2] : ' ';
  addData(begin, sign, /*isOutput=*/kind == '{');
  size_t length = sign == ' ' ? 2 : 3;
  if (kind == '%' && readRaw(length))
    return true;
  advance(length);
  if (kind == '#') {
    readComment();
    return true;
  }
  add(kind == '{' ? Kind::outputBegin : Kind::blockBegin);
  readTag(kind == '{');
  return true;
}

void Lexer::readComment() {
  size_t end = rest().find("#}");
  if (end == std::string_view::npos)
    refuseHere("the comment has no end; close it with '#}'");
  char sign = end > 0 ? rest()[end - 1] : ' ';
  advance(end + 2);
  endTag(sign);
}

/// The end of "{% name" at a place: where the tag ends, and the sign in front of "%}". Nothing: another tag.
struct NamedTag {
  size_t length;
  char sign;
};
std::optional<NamedTag> namedTag(std::string_view rest, size_t from, std::string_view name) {
  auto skip = [&] {
    while (from < rest.size() && isSpaceAt(rest.substr(from)))
      from += characterLength(rest.substr(from));
  };
  skip();
  if (!rest.substr(from).starts_with(name))
    return std::nullopt;
  from += name.size();
  skip();
  char sign = from < rest.size() ? rest[from] : ' ';
  from += sign == '-' || sign == '+';
  if (!rest.substr(from).starts_with("%}"))
    return std::nullopt;
  return NamedTag{from + 2, sign};
}

/// Reads a raw block, if one begins here, as text.
bool Lexer::readRaw(size_t afterSign) {
  std::optional<NamedTag> begin = namedTag(rest(), afterSign, "raw");
  if (!begin || begin->sign == '+')
    return false;
  advance(begin->length);
  if (begin->sign == '-')
    skipSpace();
  for (size_t end = at; (end = text.find("{%", end)) != std::string::npos; ++end) {
    char sign = end + 2 < text.size() && (text[end + 2] == '-' || text[end + 2] == '+') ? text[end + 2] : ' ';
    std::optional<NamedTag> found = namedTag(std::string_view(text).substr(end), sign == ' ' ? 2 : 3, "endraw");
    if (!found)
      continue;
    addData(end, sign, /*isOutput=*/false);
    advance(found->length);
    endTag(found->sign);
    return true;
  }
  refuseHere("the raw block has no end; close it with {% endraw %}");
}

bool Lexer::readTagEnd(bool isOutput) {
  std::string_view end = isOutput ? "}}" : "%}";
  char sign = rest().empty() ? ' ' : rest()[0];
  bool hasSign = sign == '-' || (sign == '+' && !isOutput);
  if (!open.empty() || !rest().substr(hasSign).starts_with(end))
    return false;
  advance(hasSign + 2);
  add(isOutput ? Kind::outputEnd : Kind::blockEnd);
  if (!isOutput)
    endTag(hasSign ? sign : ' ');
  else if (hasSign)
    skipSpace();
  return true;
}

void Lexer::readTag(bool isOutput) {
  open.clear();
  while (true) {
    skipSpace();
    if (rest().empty())
      return;
    if (readTagEnd(isOutput))
      return;
    readToken();
  }
}

void Lexer::readToken() {
  char c = rest()[0];
  if (isDigit(c))
    return readNumber();
  if (c == '"' || c == '\'')
    return readText();
  size_t length = 0;
  while (length < rest().size() && isNameByte(rest()[length]))
    ++length;
  if (length == 0)
    return readSymbol();
  add(Kind::name, std::string(rest().substr(0, length)));
  advance(length);
}

void Lexer::readText() {
  char quote = rest()[0];
  size_t end = 1;
  while (end < rest().size() && rest()[end] != quote)
    end += rest()[end] == '\\' ? 2 : 1;
  if (end >= rest().size())
    refuseHere("the text has no end; close it with a quote");
  add(Kind::text, textOfLiteral(rest().substr(1, end - 1), line));
  advance(end + 1);
}

void Lexer::readNumber() {
  bool followsDot = !tokens.empty() && tokens.back().kind == Kind::symbol && tokens.back().spelling == "." && at > 0 &&
                    text[at - 1] == '.';
  size_t length = 0;
  auto digits = [&] {
    while (length < rest().size() && (isDigit(rest()[length]) || rest()[length] == '_'))
      ++length;
  };
  auto isDigitAt = [&](size_t place) { return place < rest().size() && isDigit(rest()[place]); };
  digits();
  bool isDecimal = false;
  if (!followsDot && rest().substr(length).starts_with('.') && isDigitAt(length + 1)) {
    isDecimal = true;
    ++length;
    digits();
  }
  if (!followsDot && length < rest().size() && (rest()[length] == 'e' || rest()[length] == 'E')) {
    size_t sign = length + 1 < rest().size() && isOneOf(rest()[length + 1], "+-") ? 1 : 0;
    if (isDigitAt(length + 1 + sign)) {
      isDecimal = true;
      length += 1 + sign;
      digits();
    }
  }
  std::string spelling(rest().substr(0, length));
  std::erase(spelling, '_');
  if (length < rest().size() && isNameByte(rest()[length]))
    refuseHere(concat("the number ", shown(rest().substr(0, length + 1)), " is not known; write decimal digits"));
  add(isDecimal ? Kind::decimal : Kind::integer, spelling);
  advance(length);
}

void Lexer::readSymbol() {
  static constexpr std::array<std::string_view, 26> kSymbols = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                                "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                                ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
  auto found = std::ranges::find_if(kSymbols, [&](std::string_view symbol) { return rest().starts_with(symbol); });
  if (found == kSymbols.end())
    refuseHere(concat("the character ", shown(rest().substr(0, std::max<size_t>(characterLength(rest()), 1))),
                      " has no meaning here"));
  char c = (*found)[0];
  if (isOneOf(c, "([{")) {
    open += c;
  } else if (size_t kind = std::string_view(")]}").find(c); kind != std::string_view::npos) {
    if (open.empty() || open.back() != "([{"[kind])
      refuseHere(concat("'", std::string(1, c), "' closes nothing that is open"));
    open.pop_back();
  }
  add(Kind::symbol, std::string(*found));
  advance(found->size());
}

std::vector<Token> Lexer::run() {
  while (readData())
    continue;
  add(Kind::end);
  return std::move(tokens);
}

} // namespace

std::vector<Token> tokensOf(std::string_view source) { return Lexer(source).run(); }

std::string describe(const Token &token) {
  switch (token.kind) {
  case Kind::data:
    return "text";
  case Kind::outputBegin:
    return "'{{'";
  case Kind::outputEnd:
    return "'}}'";
  case Kind::blockBegin:
    return "'{%'";
  case Kind::blockEnd:
    return "'%}'";
  case Kind::name:
    return concat("the name ", shown(token.spelling));
  case Kind::text:
    return concat("the text ", shown(token.spelling));
  case Kind::integer:
  case Kind::decimal:
    return concat("the number ", token.spelling);
  case Kind::symbol:
    return concat("'", token.spelling, "'");
  case Kind::end:
    break;
  }
  return "the end of the template";
}

} // namespace quipu::jinja
