//===- Json.h - Strict reading of JSON files ----------------------*- C++ -*-===//
//
// JSON as RFC 8259 has it (no comments, no NaN), with two more rules: no key twice in one object, because readers
// disagree on which value counts, and no deep nesting. Part of QuipuConfig.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_JSON_H
#define QUIPU_FRONTENDS_COMMON_JSON_H

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace quipu::frontend {

/// Parses `text`. Throws quipu::Error that begins with `where` (a path) on anything that is not strict JSON. `advice`:
/// how messages about text that is no JSON end.
nlohmann::json parseJson(std::string_view text, const std::string &where,
                         std::string_view advice = "the file is truncated or damaged, get it again");

/// Reads a text file of at most `limit` bytes. Throws quipu::Error if it is missing, unreadable, not a regular file, or
/// too big. `what`: what the file is, for the message ("config").
std::string readTextFile(const std::string &path, const char *what, uint64_t limit);

/// A value for a message: compact JSON on one line, control characters escaped, cut after about 60 bytes.
std::string shown(const nlohmann::json &value);
/// The same for a string that is not JSON (a key, a tensor's name).
std::string shownText(std::string_view text);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_JSON_H
