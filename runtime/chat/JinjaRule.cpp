//===- JinjaRule.cpp - Conversations by a template ---------------------------------------===//

#include "runtime/chat/FormatRule.h"
#include "runtime/support/Error.h"

namespace quipu {

std::unique_ptr<FormatRule> makeJinjaRule(const ChatTemplate &, const std::string &name, const TokenTexts &) {
  fail(name, ": templates are not interpreted yet; give --chat-template llama2");
}

} // namespace quipu
