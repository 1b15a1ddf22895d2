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

/// The text as valid UTF-8 in which control characters (but line ends and tabs) and those that turn the direction of
/// text are written as \x1b or \u202e, and bytes that are part of no character as \xff.
std::string printable(std::string_view text);

/// The same with line ends and tabs escaped too: for a name in a list.
std::string printableLine(std::string_view text);

/// The same characters of a JSON text in JSON's own escapes. They occur in its strings alone.
std::string printableJson(std::string_view json);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_ESCAPE_H
