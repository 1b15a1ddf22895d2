//===- Tokens.cpp - Numbers and token ids on the command line ----------------------------===//

#include "tools/quipu/Command.h"

#include <charconv>

namespace quipu::tool {

/// Whether the text is a whole number of the type and nothing else.
template <typename Number> static bool isNumber(const std::string &text, Number &value) {
  auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && rest == text.data() + text.size();
}

CLI::Validator isPositiveCount() {
  return {[](std::string &text) {
            uint32_t value = 0;
            bool good = isNumber(text, value) && value > 0;
            return good ? std::string() : "'" + text + "' is no whole number from 1 to 4294967295";
          },
          "", "positive count"};
}

CLI::Validator isSeed() {
  return {[](std::string &text) {
            uint64_t value = 0;
            return isNumber(text, value) ? std::string()
                                         : "'" + text + "' is no whole number from 0 to 18446744073709551615";
          },
          "", "seed"};
}

std::vector<int32_t> parseTokens(const std::string &flag, const std::string &text) {
  std::vector<int32_t> tokens;
  size_t begin = 0;
  while (begin <= text.size()) {
    size_t end = std::min(text.find(',', begin), text.size());
    std::string item = text.substr(begin, end - begin);
    // Spaces around an id are fine: "1, 2, 3".
    size_t first = item.find_first_not_of(" \n");
    item = first == std::string::npos ? "" : item.substr(first, item.find_last_not_of(" \n") + 1 - first);
    int32_t value = 0;
    auto [rest, error] = std::from_chars(item.data(), item.data() + item.size(), value);
    if (item.empty() || error != std::errc() || rest != item.data() + item.size())
      throw UsageError(flag + ": '" + item + "' is no token id; expected ids separated by commas, as 1,2,3");
    tokens.push_back(value);
    begin = end + 1;
  }
  return tokens;
}

std::string joinTokens(const std::vector<int32_t> &tokens) {
  std::string text;
  for (int32_t token : tokens) {
    if (!text.empty())
      text += ',';
    text += std::to_string(token);
  }
  return text;
}

} // namespace quipu::tool
