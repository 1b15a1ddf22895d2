//===- TokenizerFiles.h - The files of a Hugging Face tokenizer --*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_TOKENIZERFILES_H
#define QUIPU_FRONTENDS_HF_TOKENIZERFILES_H

#include "frontends/common/Model.h"

#include <filesystem>

namespace quipu::frontend::hf {

/// Reads the tokenizer at `path` (nothing when there is none) and what the files beside it say of its use. It is a
/// tokenizer.model of SentencePiece, or one with ranks (RankFile.h), or a tokenizer.json; where there is no file of
/// that name, the tokenizer.json beside it. What the other files say counts as in transformers:
/// - added tokens come from `added_tokens_decoder`, else from added_tokens.json and tokenizer.json; beside a
///   tokenizer.json that is the tokenizer itself, from all of them;
/// - the names of BOS, EOS and the other special tokens come from tokenizer_config.json. Where that has no
///   `added_tokens_decoder`, special_tokens_map.json has the last word, null included; else it does not count.
///   A token that is neither a piece nor an added token is added behind all the others;
/// - `add_bos_token` and `add_eos_token`, where they are given, have the last word on what stands around a text.
/// What the files say beyond that is refused by name, or noted; nothing is left out in silence. Throws quipu::Error
/// when a file is damaged or of another kind, and when the tokenizer has more pieces than `vocabSize`. `isOptional`:
/// the message says that one can do without a tokenizer.
ModelTokenizer readTokenizer(const std::filesystem::path &path, uint32_t vocabSize, std::vector<Note> &notes,
                             bool isOptional);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_TOKENIZERFILES_H
