//===- ServedModel.cpp - The model that a server answers with -----------------------------===//

#include "tools/quipu/serve/ServedModel.h"
#include "runtime/chat/ConversationIds.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"
#include "tools/quipu/serve/openai/ApiError.h"

#include <algorithm>

namespace quipu::serve {

bool ServedModel::isNamed(std::string_view name) const { return std::ranges::find(names, name) != names.end(); }

static ApiError tooLong(uint32_t context) {
  return {400, concat("the prompt has more than ", context, " tokens, which is the model's context"), "prompt",
          "context_length_exceeded"};
}

std::vector<int32_t> ServedModel::promptIds(std::string_view text, bool addBos) const {
  if (tokenizer->isLongerThan(text, contextTokens))
    throw tooLong(contextTokens);
  std::vector<int32_t> ids = tokenizer->encodePlain(text, SpecialTokens::asTokens);
  if (addBos && tokenizer->addsBos() && (ids.empty() || ids.front() != *tokenizer->bos()))
    ids.insert(ids.begin(), *tokenizer->bos());
  return ids;
}

std::vector<ChatPiece> ServedModel::render(std::span<const ChatMessage> messages, bool addGenerationPrompt) const {
  if (!format)
    throw ApiError(400, formatError, "messages", "no_chat_template");
  try {
    return format->render(messages, addGenerationPrompt);
  } catch (const Error &error) {
    throw ApiError(400, error.what(), "messages", "chat_template");
  }
}

std::vector<int32_t> ServedModel::chatIds(std::span<const ChatMessage> messages, bool addGenerationPrompt) const {
  std::vector<ChatPiece> pieces = render(messages, addGenerationPrompt);
  std::string text;
  for (const ChatPiece &piece : pieces)
    text += piece.text;
  if (tokenizer->isLongerThan(text, contextTokens))
    throw tooLong(contextTokens);
  return quipu::chatIds(*tokenizer, pieces);
}

std::string ServedModel::chatText(std::span<const ChatMessage> messages, bool addGenerationPrompt) const {
  std::string text;
  for (const ChatPiece &piece : render(messages, addGenerationPrompt))
    text += piece.text;
  return text;
}

} // namespace quipu::serve
