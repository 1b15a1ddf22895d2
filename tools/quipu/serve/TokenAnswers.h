//===- TokenAnswers.h - /tokenize, /detokenize, /tokenizer_info ---------------*- C++ -*-===//
//
// The forms are vLLM's, which evaluation programs know.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_SERVE_TOKENANSWERS_H
#define QUIPU_TOOLS_QUIPU_SERVE_TOKENANSWERS_H

#include "tools/quipu/serve/ServedModel.h"

#include <nlohmann/json.hpp>

namespace quipu::serve {

/// {"prompt": TEXT} or {"messages": [...]} gives {"count", "max_model_len", "tokens", "token_strs"}. Throws ApiError.
nlohmann::ordered_json tokenizeAnswer(const nlohmann::json &body, const ServedModel &model);

/// {"tokens": [...]} gives {"prompt": TEXT}. Throws ApiError.
nlohmann::ordered_json detokenizeAnswer(const nlohmann::json &body, const ServedModel &model);

/// {"tokenizer_class", "vocab_size", "bos_token", "eos_token", ...}. "chat_template": the text of the model's own one,
/// if the server uses that; "chat_format": the name of what it uses.
nlohmann::ordered_json tokenizerInfo(const ServedModel &model);

} // namespace quipu::serve

#endif // QUIPU_TOOLS_QUIPU_SERVE_TOKENANSWERS_H
