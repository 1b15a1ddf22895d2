//===- TokenizerFiles.h - The files of a Hugging Face tokenizer --*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_HF_TOKENIZERFILES_H
#define QUIPU_FRONTENDS_HF_TOKENIZERFILES_H

#include "frontends/common/Model.h"

#include <filesystem>

namespace quipu::frontend::hf {

/// Reads the tokenizer.model at `path` (nothing when there is none) and what the files beside it say of its use:
/// tokenizer_config.json, special_tokens_map.json, added_tokens.json, and the added tokens of tokenizer.json. The rules
/// are those of transformers' LlamaTokenizer:
/// - added tokens come from `added_tokens_decoder`, else from added_tokens.json and tokenizer.json;
/// - the names of BOS, EOS and the other special tokens come from tokenizer_config.json. Where that has no
///   `added_tokens_decoder`, special_tokens_map.json has the last word, null included; else it does not count.
///   A token that is neither a piece nor an added token is added behind all the others.
/// What the files say beyond that is refused by name, or noted; nothing is left out in silence. Throws quipu::Error
/// when a file is damaged or of another kind, and when the tokenizer has more pieces than `vocabSize`; `otherwise` is
/// what can be done without a tokenizer, for the end of its message; empty: nothing.
ModelTokenizer readTokenizer(const std::filesystem::path &path, uint32_t vocabSize, std::vector<Note> &notes,
                             const std::string &otherwise);

} // namespace quipu::frontend::hf

#endif // QUIPU_FRONTENDS_HF_TOKENIZERFILES_H
