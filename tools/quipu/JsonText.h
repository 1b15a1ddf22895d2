//===- JsonText.h - JSON as the commands print it ----------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_JSONTEXT_H
#define QUIPU_TOOLS_QUIPU_JSONTEXT_H

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// The value as JSON text that is safe for parsers and terminals, even with strange file names in it: bytes that are
/// not UTF-8 become U+FFFD, and control characters are escaped. `indent`: blanks for each level. -1: all in one line.
std::string jsonText(const nlohmann::ordered_json &value, int indent = 2);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_JSONTEXT_H
