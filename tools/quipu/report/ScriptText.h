//===- ScriptText.h - Data inside a page -------------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_REPORT_SCRIPTTEXT_H
#define QUIPU_TOOLS_QUIPU_REPORT_SCRIPTTEXT_H

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::tool {

/// JSON in one line that may stand inside a <script> element: it has no "<". So nothing in it, such as a tensor's
/// name, can end the element or begin a comment.
std::string scriptText(const nlohmann::ordered_json &value);

/// Bytes as base64, which is what a page can hold of binary data.
std::string base64(const std::vector<uint8_t> &bytes);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_REPORT_SCRIPTTEXT_H
