//===- LogProbs.h - Log-probabilities in the two forms of the API --------------*- C++ -*-===//
//
// A float is written with the digits of the double that is equal to it, so that readers get the same number back, and
// equal numbers are equal for them.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_OPENAI_LOGPROBS_H
#define QUIPU_TOOLS_QUIPU_SERVE_OPENAI_LOGPROBS_H

#include "tools/quipu/serve/openai/ChoiceText.h"

#include <nlohmann/json.hpp>

#include <span>

namespace quipu::serve {

/// {"tokens", "token_logprobs", "top_logprobs", "text_offset"}, lists of one length. A dictionary of "top_logprobs" has
/// the most likely tokens and the token itself. Two tokens of one text have one entry, that of the likelier one.
nlohmann::ordered_json completionLogProbs(const Tokenizer &tokenizer, std::span<const ShownToken> tokens);

/// {"content": [{"token", "logprob", "bytes", "top_logprobs": [{"token", "logprob", "bytes"}]}], "refusal": null}.
nlohmann::ordered_json chatLogProbs(const Tokenizer &tokenizer, std::span<const ShownToken> tokens);

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_OPENAI_LOGPROBS_H
