//===- JsonText.h - JSON as the commands print it ----------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_JSONTEXT_H
#define QUIPU_TOOLS_QUIPU_JSONTEXT_H

#include <nlohmann/json.hpp>

#include <string>

namespace quipu::tool {

/// The value as JSON that every parser takes and no terminal acts on, whatever names of files are in it: bytes that are
/// no UTF-8 become U+FFFD, control characters are escaped. `indent`: blanks a level; -1: all in one line.
std::string jsonText(const nlohmann::ordered_json &value, int indent = 2);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_JSONTEXT_H
