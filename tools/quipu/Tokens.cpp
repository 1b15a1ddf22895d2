//===- Tokens.cpp - Token ids as text ----------------------------------------------------===//

#include "runtime/support/Error.h"
#include "runtime/support/Number.h"
#include "tools/quipu/Command.h"

#include <algorithm>
#include <optional>

namespace quipu::tool {

std::vector<int32_t> parseTokens(const std::string &source, std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::vector<int32_t> tokens;
  auto skipBlanks = [&] { text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size())); };
  for (bool more = true; more;) {
    skipBlanks();
    std::string_view item = text.substr(0, text.find_first_of(" \t\r\n,"));
    std::optional<int32_t> token = parseNumber<int32_t>(item);
    if (!token)
      throw UsageError(concat(source, ": '", item, "' is no token id; expected ids separated by commas, as 1,2,3"));
    tokens.push_back(*token);
    text.remove_prefix(item.size());
    skipBlanks();
    more = !text.empty();
    if (text.starts_with(','))
      text.remove_prefix(1);
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
