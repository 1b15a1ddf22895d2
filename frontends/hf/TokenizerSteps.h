//===- TokenizerSteps.h - The parts of a tokenizer.json ----------------*- C++ -*-===//
//
// Normaliser, pre-tokeniser, decoder and post-processor, reduced to what BpeData can say. Each kind, and each field of
// one, that is not known here is refused by name. Source of what they mean: huggingface/tokenizers.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_HF_TOKENIZERSTEPS_H
#define QUIPU_FRONTENDS_HF_TOKENIZERSTEPS_H

#include "runtime/abi/BpeData.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace quipu::frontend::hf {

/// What stands around the ids of a text.
struct TokensAround {
  std::vector<int32_t> before, behind;
};

/// Each takes the value of its field of the file `path`, which may be null, and throws Error.
std::vector<TextStep> readNormalizer(const nlohmann::json &value, const std::string &path);
/// Sets `splitter` and `byteLevel`.
void readPreTokenizer(const nlohmann::json &value, const std::string &path, BpeData &data);
/// Sets `decoder` and `strippedText`; `byteLevel` and `byteFallback` must be what the decoder does.
void readDecoder(const nlohmann::json &value, const std::string &path, BpeData &data);
TokensAround readPostProcessor(const nlohmann::json &value, const std::string &path);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_TOKENIZERSTEPS_H
