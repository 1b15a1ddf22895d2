//===- FormatRule.h - What a ChatFormat is made of --------------------------*- C++ -*-===//
//
// For the files of ChatFormat alone.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CHAT_FORMATRULE_H
#define QUIPU_RUNTIME_CHAT_FORMATRULE_H

#include "runtime/chat/ChatFormat.h"
#include "runtime/chat/MarkedText.h"

#include <memory>

namespace quipu {

/// The texts of the tokens that templates write by name.
struct TokenTexts {
  std::optional<std::string> bos, eos;
};

class FormatRule {
public:
  virtual ~FormatRule() = default;

  /// The text of a conversation, in parts whose ids are made apart.
  virtual std::vector<MarkedText> render(std::span<const ChatMessage> messages, bool addGenerationPrompt) const = 0;
};

/// The rule of a template. Throws Error as ChatFormat does.
std::unique_ptr<FormatRule> makeJinjaRule(const ChatTemplate &source, const std::string &name,
                                          const TokenTexts &tokens);

/// What Meta's program for Llama 2 does: each question is encoded with its answer, between BOS and EOS.
std::unique_ptr<FormatRule> makeLlamaTwoRule(const std::string &name, const TokenTexts &tokens);

} // namespace quipu

#endif // QUIPU_RUNTIME_CHAT_FORMATRULE_H
