//===- ServedModel.h - The model that a server answers with -----------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_SERVEDMODEL_H
#define QUIPU_TOOLS_QUIPU_SERVE_SERVEDMODEL_H

#include "runtime/chat/ChatFormat.h"
#include "runtime/text/Tokenizer.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::serve {

/// What parsing requests takes of a model: names, text, limits. Several threads may use it.
struct ServedModel {
  /// Names that requests may call it by; answers call it by the first one.
  std::vector<std::string> names;
  /// Seconds since 1970, for /v1/models.
  int64_t created = 0;
  std::unique_ptr<const Tokenizer> tokenizer;
  /// Nothing: the model has no template for conversations. `formatError` says what to do then.
  std::optional<ChatFormat> format;
  std::string formatError;
  /// The text of the model's own template, for clients that make conversations themselves. Empty: the format is none.
  std::string templateText;
  /// Ids that end an answer of a conversation, besides the model's own ends of text.
  std::vector<int32_t> turnEnds;
  /// Most ids of a prompt with its answer.
  uint32_t contextTokens = 0;
  /// The ids that the model has logits for.
  uint32_t vocabSize = 0;
  /// Most continuations that one request may ask for, over all its prompts.
  uint32_t mostSamples = 128;

  const std::string &name() const { return names.front(); }
  bool isNamed(std::string_view name) const;

  /// The ids of a prompt that a program wrote: special tokens that it spells are tokens, and BOS comes first if the
  /// tokenizer puts it there and the text does not spell it. Throws ApiError if it is longer than the context.
  std::vector<int32_t> promptIds(std::string_view text, bool addBos = true) const;

  /// The ids of a conversation. Throws ApiError if the template refuses the messages.
  std::vector<int32_t> chatIds(std::span<const ChatMessage> messages, bool addGenerationPrompt = true) const;
  /// Its text.
  std::string chatText(std::span<const ChatMessage> messages, bool addGenerationPrompt = true) const;

private:
  std::vector<ChatPiece> render(std::span<const ChatMessage> messages, bool addGenerationPrompt) const;
};

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_SERVEDMODEL_H
