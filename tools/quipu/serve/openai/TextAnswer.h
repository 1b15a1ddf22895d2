//===- TextAnswer.h - Answers of /v1/completions and /v1/chat/completions -----*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_OPENAI_TEXTANSWER_H
#define QUIPU_TOOLS_QUIPU_SERVE_OPENAI_TEXTANSWER_H

#include "tools/quipu/serve/openai/ChoiceText.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::serve {

struct TokenUsage {
  uint64_t promptTokens = 0, cachedTokens = 0, newTokens = 0;
};

/// A choice of an answer that comes as a whole.
struct WholeChoice {
  ChoicePiece content;
  /// "stop" or "length".
  std::string_view finishReason;
};

/// Writes answers as JSON, and as events of a stream.
class TextAnswer {
public:
  /// `id` names the request, as in X-Request-Id. `tokenizer` must outlive this.
  TextAnswer(bool isChat, bool hasLogProbs, const std::string &id, std::string model, int64_t created,
             const Tokenizer &tokenizer);

  std::string whole(const std::vector<WholeChoice> &choices, const TokenUsage &usage) const;

  /// The events of a stream, each a line of "data:" and an empty line. `hasUsage`: the stream ends with the numbers of
  /// tokens, so that earlier events have "usage": null.
  std::string begin(size_t choice, bool hasUsage) const;
  std::string piece(size_t choice, const ChoicePiece &piece, bool hasUsage) const;
  std::string end(size_t choice, std::string_view finishReason, bool hasUsage) const;
  std::string usage(const TokenUsage &usage) const;
  static std::string done() { return "data: [DONE]\n\n"; }
  static std::string event(const std::string &json) { return "data: " + json + "\n\n"; }

private:
  bool isChat, hasLogProbs;
  std::string id, model;
  int64_t created;
  const Tokenizer &tokenizer;
};

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_OPENAI_TEXTANSWER_H
