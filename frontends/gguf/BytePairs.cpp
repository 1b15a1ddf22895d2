//===- BytePairs.cpp - The byte-level BPE tokenizer in a GGUF file -----------------------===//

#include "frontends/gguf/Tokenizer.h"

#include "frontends/common/BpeBuilder.h"
#include "frontends/common/ByteLevelVocabulary.h"

namespace quipu::frontend::gguf {

void readBytePairs(Metadata &metadata, const std::vector<std::string_view> &tokens, const std::vector<int32_t> &types,
                   ModelTokenizer &tokenizer, std::vector<Note> &notes) {
  ByteLevelVocabulary vocabulary;
  vocabulary.tokens.assign(tokens.begin(), tokens.end());
  for (int32_t type : types)
    vocabulary.types.push_back(PieceType(type));
  constexpr std::string_view kMergesKey = "tokenizer.ggml.merges", kPreKey = "tokenizer.ggml.pre";
  auto merges = metadata.strings(kMergesKey);
  if (!merges)
    metadata.failMissing(kMergesKey, "a tokenizer gpt2 needs it; convert the model again");
  vocabulary.merges.assign(merges->begin(), merges->end());
  if (std::optional<std::string_view> pre = metadata.string(kPreKey))
    vocabulary.pre = *pre;
  else
    notes.push_back({Note::Kind::warning, std::string(kPreKey),
                     "is missing, so words are found as llama.cpp does by default; check that ids agree, or convert "
                     "the model again"});
  const TokenizerSettings &settings = tokenizer.data.settings;
  if (settings.bos != kNoToken)
    vocabulary.bos = settings.bos;
  if (settings.eos != kNoToken)
    vocabulary.eos = settings.eos;
  vocabulary.addBos = metadata.boolean("tokenizer.ggml.add_bos_token");
  vocabulary.addEos = metadata.boolean("tokenizer.ggml.add_eos_token");
  vocabulary.addSpacePrefix = metadata.boolean("tokenizer.ggml.add_space_prefix").value_or(false);
  std::vector<ChatTemplate> chatTemplates = std::move(tokenizer.data.chatTemplates);
  tokenizer.data = byteLevelTokenizerOf(vocabulary, metadata.path());
  tokenizer.data.chatTemplates = std::move(chatTemplates);
  noteMissingBytes(std::get<BpeData>(tokenizer.data.model), notes);
}

} // namespace quipu::frontend::gguf
