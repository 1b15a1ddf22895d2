//===- Escape.h - Text that a terminal does not act on ------------------------*- C++ -*-===//
//
// Names of files, tensors and fields come from whoever wrote a model, and may hold what moves a cursor, sets a title or
// turns the direction of text. All that Quipu prints goes through here (Console.h), and stays what it looks like.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_COMMON_ESCAPE_H
#define QUIPU_TOOLS_COMMON_ESCAPE_H

#include <string>
#include <string_view>

namespace quipu::tool {

/// The text as valid UTF-8 without dangerous characters. Control characters (except line ends and tabs) become \x1b and
/// so on. Characters that change the direction of text become \u202e and so on. Bytes that are not part of a character
/// become \xff and so on.
std::string printable(std::string_view text);

/// The same with line ends and tabs escaped too: for a name in a list.
std::string printableLine(std::string_view text);

/// A JSON text in which these characters are written with JSON's escapes. They occur only in its strings.
std::string printableJson(std::string_view json);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_ESCAPE_H
