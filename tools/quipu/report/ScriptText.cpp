//===- ScriptText.cpp - Data inside a page ------------------------------------------------===//

#include "tools/quipu/report/ScriptText.h"

#include "tools/quipu/JsonText.h"

#include <algorithm>

namespace quipu::tool {

std::string scriptText(const nlohmann::ordered_json &value) {
  std::string result;
  // "<" only stands inside strings, where JSON may write any character as its number.
  for (char c : jsonText(value, /*indent=*/-1)) {
    if (c == '<')
      result += "\\u003c";
    else
      result += c;
  }
  return result;
}

std::string base64(const std::vector<uint8_t> &bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  for (size_t at = 0; at < bytes.size(); at += 3) {
    size_t count = std::min<size_t>(3, bytes.size() - at);
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < count ? bytes[at + i] : 0);
    for (size_t i = 0; i < 4; ++i)
      result += i <= count ? kDigits[group >> (18 - 6 * i) & 63] : '=';
  }
  return result;
}

} // namespace quipu::tool
