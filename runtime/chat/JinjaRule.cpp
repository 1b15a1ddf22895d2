//===- JinjaRule.cpp - Conversations by a template ---------------------------------------===//

#include "runtime/chat/FormatRule.h"
#include "runtime/chat/jinja/Template.h"

#include <algorithm>

namespace quipu {
namespace {

class JinjaRule : public FormatRule {
public:
  JinjaRule(const ChatTemplate &source, const std::string &name, TokenTexts tokens)
      : parsed(source.text, name), tokens(std::move(tokens)) {}

  std::vector<MarkedText> render(std::span<const ChatMessage> messages, bool addGenerationPrompt) const override;

private:
  jinja::Template parsed;
  TokenTexts tokens;
};

/// Templates write roles between signs, which together are a token. So a role is the template's text, unless it has
/// signs itself.
TextMarks marksOfRole(const std::string &role) {
  bool isWord = std::ranges::all_of(role, [](unsigned char c) { return isalnum(c) || c == '_' || c == '-'; });
  return isWord ? 0 : kFromMessage;
}

jinja::Value valueOf(const ChatMessage &message) {
  TextMarks marks = kFromMessage | (message.role == "assistant" ? kAnswer : 0);
  auto entries = std::make_shared<jinja::Dict>();
  entries->entries.emplace_back(MarkedText("role"), MarkedText(message.role, marksOfRole(message.role)));
  entries->entries.emplace_back(MarkedText("content"), MarkedText(message.content, marks));
  return jinja::Value(std::shared_ptr<const jinja::Dict>(std::move(entries)));
}

std::vector<MarkedText> JinjaRule::render(std::span<const ChatMessage> messages, bool addGenerationPrompt) const {
  jinja::Template::Variables variables;
  jinja::List list;
  for (const ChatMessage &message : messages) {
    list.push_back(valueOf(message));
    variables.bytes += message.role.size() + message.content.size();
  }
  variables.messages = messages.size();
  variables.values = {{"messages", jinja::makeList(std::move(list))},
                      {"tools", jinja::Value()},
                      {"documents", jinja::Value()},
                      {"add_generation_prompt", jinja::Value(addGenerationPrompt)}};
  for (const auto &[variable, text] : {std::pair("bos_token", tokens.bos), std::pair("eos_token", tokens.eos)})
    if (text)
      variables.values.emplace_back(variable, MarkedText(*text));
  std::vector<MarkedText> parts;
  parts.push_back(parsed.render(variables));
  return parts;
}

} // namespace

std::unique_ptr<FormatRule> makeJinjaRule(const ChatTemplate &source, const std::string &name,
                                          const TokenTexts &tokens) {
  return std::make_unique<JinjaRule>(source, name, tokens);
}

} // namespace quipu
