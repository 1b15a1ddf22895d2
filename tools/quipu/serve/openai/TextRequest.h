//===- TextRequest.h - What /v1/completions and /v1/chat/completions ask for --*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_OPENAI_TEXTREQUEST_H
#define QUIPU_TOOLS_QUIPU_SERVE_OPENAI_TEXTREQUEST_H

#include "runtime/engine/Request.h"
#include "tools/quipu/serve/ServedModel.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu::serve {

/// A checked request. Choice `p * n + i` of the answer is sample `i` of prompt `p`.
struct TextRequest {
  bool isChat = false;
  /// At least one; each has at least one id.
  std::vector<std::vector<int32_t>> prompts;
  /// What all prompts share; its prompt is empty.
  Request shared;
  /// Texts that end a choice, before which it ends.
  std::vector<std::string> stops;
  /// The answer begins with the prompt's text.
  bool echo = false;
  bool stream = false;
  /// A stream ends with a piece that has the numbers of tokens.
  bool includesUsage = false;
  /// Choices of each prompt. They are the most likely ones of `shared.samples`, where that is more.
  uint32_t n = 1;
  /// Whether tokens come with their log-probabilities.
  bool logProbs = false;

  size_t choiceCount() const { return prompts.size() * n; }
};

/// Throws ApiError for what is wrong or not supported, with the name of the field.
TextRequest parseCompletion(const nlohmann::json &body, const ServedModel &model);
TextRequest parseChat(const nlohmann::json &body, const ServedModel &model);

/// The messages of a conversation, whose contents are texts, or lists of pieces of text.
std::vector<ChatMessage> parseMessages(const nlohmann::json *messages);

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_OPENAI_TEXTREQUEST_H
