//===- ByteLevelVocabulary.h - Byte-level BPE as GGUF holds it -----------*- C++ -*-===//
//
// GGUF's tokenizer of the model `gpt2`: pieces and merges in GPT-2's alphabet, and a name (`pre`) for how words are
// found. What each name means follows from the model that it was made for.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_BYTELEVELVOCABULARY_H
#define QUIPU_FRONTENDS_COMMON_BYTELEVELVOCABULARY_H

#include "frontends/common/PieceModel.h"

#include <string>
#include <vector>

namespace quipu::frontend {

struct ByteLevelVocabulary {
  /// tokenizer.ggml.tokens; the index is the id.
  std::vector<std::string> tokens;
  /// tokenizer.ggml.merges, "left right", the best first.
  std::vector<std::string> merges;
  /// tokenizer.ggml.token_type. Empty: all are normal. Control tokens become special added tokens, user-defined ones
  /// added tokens that are found in any text; unused ones are never found.
  std::vector<PieceType> types;
  /// tokenizer.ggml.pre. Where a file has none, "default" is meant.
  std::string pre = "default";
  /// tokenizer.ggml.bos_token_id and eos_token_id.
  std::optional<int32_t> bos, eos;
  /// tokenizer.ggml.add_bos_token and add_eos_token. Nothing: BOS as `pre` says, no EOS.
  std::optional<bool> addBos, addEos;
  /// tokenizer.ggml.add_space_prefix: a space before the text.
  bool addSpacePrefix = false;
};

/// The tokenizer. `name`: the file, with which messages begin. Throws quipu::Error when `pre` is not known, or when
/// pieces, merges, types and ids do not go together.
TokenizerData byteLevelTokenizerOf(const ByteLevelVocabulary &vocabulary, const std::string &name);

/// The name `pre` by which such a tokenizer normalises texts and finds words; nothing where there is none. `addsSpace`:
/// whether it puts a space before the text.
std::optional<std::string> preTokenizerName(const BpeData &data, bool &addsSpace);

/// The names that `pre` may have, for messages.
std::string knownPreTokenizers();

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_BYTELEVELVOCABULARY_H
