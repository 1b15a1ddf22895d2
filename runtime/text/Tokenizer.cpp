//===- Tokenizer.cpp - Text to ids and back ----------------------------------------------===//

#include "runtime/text/Tokenizer.h"
#include "runtime/support/Error.h"
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

static TokenizerData dataOf(const plan::Tokenizer &tokenizer, std::string name) {
  if (tokenizer.kind() != plan::TokenizerKind::sentencepiece)
    fail(name, ": tokenizer kind ", unsigned(tokenizer.kind()), " is not supported; expected sentencepiece");
  SentencePieceData model{{tokenizer.model()->begin(), tokenizer.model()->end()}};
  return {std::move(name), std::move(model), settingsOf(tokenizer)};
}

std::unique_ptr<Tokenizer> Tokenizer::fromPlan(const plan::Plan &plan, const std::string &planName) {
  const plan::Tokenizer *tokenizer = plan.tokenizer();
  if (!tokenizer || tokenizer->kind() == plan::TokenizerKind::none)
    return nullptr;
  return fromData(dataOf(*tokenizer, planName + ": tokenizer"));
}

std::unique_ptr<Tokenizer> Tokenizer::fromData(TokenizerData data) {
  return std::make_unique<SentencePieceTokenizer>(std::get<SentencePieceData>(data.model).bytes, data.name,
                                                  data.settings);
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
