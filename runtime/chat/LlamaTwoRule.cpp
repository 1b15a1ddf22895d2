//===- LlamaTwoRule.cpp - Conversations of Llama 2 ---------------------------------------===//
//
// Source of the rule: meta-llama/llama, llama/generation.py, chat_completion.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/chat/FormatRule.h"
#include "runtime/support/Error.h"

namespace quipu {
namespace {

class LlamaTwoRule : public FormatRule {
public:
  LlamaTwoRule(std::string name, const TokenTexts &tokens)
      : name(std::move(name)), bos(tokens.bos.value_or("")), eos(tokens.eos.value_or("")) {}

  std::vector<MarkedText> render(std::span<const ChatMessage> messages, bool addGenerationPrompt) const override;

private:
  void checkRoles(std::span<const ChatMessage> messages, bool hasSystem) const;
  static MarkedText question(const ChatMessage *system, const ChatMessage &user);

  std::string name, bos, eos;
};

void LlamaTwoRule::checkRoles(std::span<const ChatMessage> messages, bool hasSystem) const {
  for (size_t i = hasSystem; i < messages.size(); ++i) {
    const char *wanted = (i - hasSystem) % 2 ? "assistant" : "user";
    if (messages[i].role != wanted)
      fail(name, ": message ", i + 1, " has the role '", messages[i].role, "' where '", wanted,
           "' must be: a conversation has user and assistant in turn, and may begin with one system message");
  }
  if (messages.size() == size_t(hasSystem))
    fail(name, ": a conversation needs a message of the user");
}

MarkedText LlamaTwoRule::question(const ChatMessage *system, const ChatMessage &user) {
  MarkedText content;
  if (system) {
    content.append("<<SYS>>\n", 0);
    content.append(system->content, kFromMessage);
    content.append("\n<</SYS>>\n\n", 0);
  }
  content.append(user.content, kFromMessage);
  MarkedText text("[INST] ");
  text.append(content.strip());
  text.append(" [/INST]", 0);
  return text;
}

std::vector<MarkedText> LlamaTwoRule::render(std::span<const ChatMessage> messages, bool) const {
  bool hasSystem = !messages.empty() && messages[0].role == "system";
  checkRoles(messages, hasSystem);
  std::vector<MarkedText> parts;
  for (size_t i = hasSystem; i < messages.size(); i += 2) {
    MarkedText text = question(hasSystem && i == 1 ? &messages[0] : nullptr, messages[i]);
    bool isAnswered = i + 1 < messages.size();
    if (isAnswered) {
      text.append(" ", 0);
      text.append(MarkedText(messages[i + 1].content, kFromMessage | kAnswer).strip());
      text.append(" ", kAnswer);
    }
    for (MarkedText part : {MarkedText(bos), text, MarkedText(isAnswered ? eos : "", kAnswer)})
      if (!part.empty())
        parts.push_back(std::move(part));
  }
  return parts;
}

} // namespace

std::unique_ptr<FormatRule> makeLlamaTwoRule(const std::string &name, const TokenTexts &tokens) {
  return std::make_unique<LlamaTwoRule>(name, tokens);
}

} // namespace quipu
