//===- Tokenizer.cpp - Text to ids and back ----------------------------------------------===//

#include "runtime/text/Tokenizer.h"
#include "runtime/support/Error.h"
#include "runtime/support/MappedFile.h"
#include "runtime/support/Utf8.h"
#include "runtime/text/SentencePieceTokenizer.h"

namespace quipu {

Tokenizer::~Tokenizer() = default;

static TokenizerSettings settingsOf(const plan::Tokenizer &tokenizer) {
  TokenizerSettings settings;
  settings.addBos = tokenizer.add_bos();
  settings.addEos = tokenizer.add_eos();
  settings.legacy = tokenizer.legacy();
  if (tokenizer.prefix_space() != plan::PrefixSpace::of_model)
    settings.addPrefixSpace = tokenizer.prefix_space() == plan::PrefixSpace::yes;
  settings.bos = tokenizer.bos_id();
  settings.eos = tokenizer.eos_id();
  if (tokenizer.added_tokens())
    for (const plan::AddedToken *token : *tokenizer.added_tokens())
      settings.added.push_back({token->id(), token->content()->str(), token->normalized(), token->lstrip(),
                                token->rstrip(), token->single_word()});
  return settings;
}

std::unique_ptr<Tokenizer> Tokenizer::fromPlan(const plan::Plan &plan, const std::string &planName) {
  const plan::Tokenizer *tokenizer = plan.tokenizer();
  if (!tokenizer || tokenizer->kind() == plan::TokenizerKind::none)
    return nullptr;
  return fromBytes(tokenizer->kind(), {tokenizer->model()->data(), tokenizer->model()->size()},
                   planName + ": tokenizer", settingsOf(*tokenizer));
}

std::unique_ptr<Tokenizer> Tokenizer::fromFile(const std::string &path, const TokenizerSettings &settings) {
  std::shared_ptr<MappedFile> file = MappedFile::open(path, "tokenizer");
  return fromBytes(plan::TokenizerKind::sentencepiece, file->span(), path, settings);
}

std::unique_ptr<Tokenizer> Tokenizer::fromBytes(plan::TokenizerKind kind, std::span<const uint8_t> bytes,
                                                const std::string &name, const TokenizerSettings &settings) {
  if (kind != plan::TokenizerKind::sentencepiece)
    fail(name, ": tokenizer kind ", unsigned(kind), " is not supported; expected sentencepiece");
  return std::make_unique<SentencePieceTokenizer>(bytes, name, settings);
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string bytes;
  bool atStart = true;
  for (int32_t id : ids)
    atStart = appendBytes(id, atStart, bytes);
  std::string text;
  takeCharacters(bytes, text, /*final=*/true);
  return text;
}

} // namespace quipu
