//===- JsonText.cpp - JSON as the commands print it --------------------------------------===//

#include "tools/quipu/JsonText.h"
#include "tools/common/Escape.h"

namespace quipu::tool {

std::string jsonText(const nlohmann::ordered_json &value, int indent) {
  return printableJson(value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

} // namespace quipu::tool
