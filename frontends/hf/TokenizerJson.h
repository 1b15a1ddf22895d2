//===- TokenizerJson.h - Hugging Face's tokenizer.json -----------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_TOKENIZERJSON_H
#define QUIPU_FRONTENDS_HF_TOKENIZERJSON_H

#include "frontends/common/ModelConfig.h"
#include "frontends/hf/TokenizerSteps.h"
#include "runtime/abi/TokenizerData.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace quipu::frontend::hf {

/// A tokenizer.json by itself; the files beside it may change added tokens and what stands around a text.
struct TokenizerJson {
  BpeData model;
  std::vector<AddedToken> added;
  TokensAround around;
};

/// A token is its text, or an object with the text and how it is found. It has no id yet. Throws Error that begins with
/// `place`.
AddedToken parseAddedToken(const nlohmann::json &value, const std::string &place);

/// An id of a token. Throws Error that begins with `place`.
int32_t parseTokenId(const nlohmann::json &value, const std::string &place);

/// The list of added tokens of a tokenizer.json, with their ids. `file` is the whole of it.
std::vector<AddedToken> readAddedTokens(const nlohmann::json &file, const std::string &path);

/// Reads the parsed file `path`. Byte pair encoding alone is supported; other models, and parts that are not known, are
/// refused by name. `notes` gets what does not count here.
TokenizerJson readTokenizerJson(const nlohmann::json &file, const std::string &path, std::vector<Note> &notes);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_TOKENIZERJSON_H
