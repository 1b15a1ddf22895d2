//===- TextLiteral.h - 'a\n' in a template -----------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_TEXTLITERAL_H
#define QUIPU_RUNTIME_CHAT_JINJA_TEXTLITERAL_H

#include <string>
#include <string_view>

namespace quipu::jinja {

/// What Python makes of the text between quotes: escapes become their characters, and unknown ones stay. Throws Failure
/// with the line for an escape that is no character.
std::string textOfLiteral(std::string_view literal, unsigned line);

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_TEXTLITERAL_H
