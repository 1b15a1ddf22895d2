//===- Tokenizer.h - The tokenizer in a GGUF file ---------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_GGUF_TOKENIZER_H
#define QUIPU_FRONTENDS_GGUF_TOKENIZER_H

#include "frontends/common/Model.h"
#include "frontends/gguf/Metadata.h"

namespace quipu::frontend::gguf {

/// Reads the keys "tokenizer.ggml.*". The ids that begin and end a text become those of `config`, whose vocabulary has
/// room for all tokens. Throws quipu::Error; kinds that are not supported are refused by name.
ModelTokenizer readTokenizer(Metadata &metadata, ModelConfig &config);

/// What the kind "gpt2" (byte-level BPE: keys "tokenizer.ggml.tokens", "merges" and "pre") makes of `tokenizer`, whose
/// settings are read already.
void readBytePairs(Metadata &metadata, const std::vector<std::string_view> &tokens, const std::vector<int32_t> &types,
                   ModelTokenizer &tokenizer, std::vector<Note> &notes);

/// Whether a special or user-defined token takes the white space to its right with it. There is no key for that: as in
/// llama.cpp, the name of the model decides (general.name).
bool takesSpaceToItsRight(std::string_view modelName, std::string_view token);

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_TOKENIZER_H
