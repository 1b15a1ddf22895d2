//===- RankFile.h - Tokens in base64 and their ranks ---------------------*- C++ -*-===//
//
// Meta's tokenizer.model of Llama 3 (tiktoken's format): one line for each token, its bytes in base64 and its rank,
// which is its id. The regular expression that finds words, and the special tokens behind the ranks, are not in the
// file; they are those of Llama 3.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_RANKFILE_H
#define QUIPU_FRONTENDS_COMMON_RANKFILE_H

#include "frontends/common/Model.h"

#include <span>

namespace quipu::frontend {

/// The tokenizer of Llama 3 in the bytes of the file `name` (isTokenRanks() of runtime/support/FileKind.h knows such
/// files). It puts BOS, <|begin_of_text|>, before a prompt; EOS, `end`, is <|end_of_text|>. Instruct models end a turn
/// with <|eot_id|>: addedToken() finds its id. `vocabSize`: ids that the model has. Throws quipu::Error when the bytes
/// are damaged, or have more tokens than the model.
ModelTokenizer llama3Tokenizer(std::span<const uint8_t> bytes, const std::string &name, uint32_t vocabSize);

/// The same from a file. Throws quipu::Error when it cannot be read.
ModelTokenizer readLlama3Tokenizer(const std::string &path, uint32_t vocabSize);

/// The number of tokens, special ones included: Meta's params.json may leave it to the file.
uint32_t llama3VocabSize(std::span<const uint8_t> bytes, const std::string &name);

/// The id of an added token; nothing when there is none of that text.
std::optional<int32_t> addedToken(const TokenizerSettings &settings, std::string_view content);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_RANKFILE_H
