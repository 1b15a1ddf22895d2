//===- BytePairs.cpp - The byte-level BPE tokenizer in a GGUF file -----------------------===//

#include "frontends/gguf/Tokenizer.h"

namespace quipu::frontend::gguf {

void readBytePairs(Metadata &, const std::vector<std::string_view> &, const std::vector<int32_t> &, ModelTokenizer &,
                   std::vector<Note> &notes) {
  notes.push_back({Note::Kind::warning, "tokenizer.ggml.model",
                   "byte-level BPE (gpt2) is not supported; without it the plan takes --prompt-tokens, and text with "
                   "--tokenizer FILE"});
}

} // namespace quipu::frontend::gguf
