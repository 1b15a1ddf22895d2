//===- Tokenizer.cpp - Text to ids and back ----------------------------------------------===//

#include "runtime/text/Tokenizer.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"
#include "runtime/text/BpeTokenizer.h"
#include "runtime/text/SentencePieceTokenizer.h"
#include "runtime/text/TokenizerTables.h"

namespace quipu {

Tokenizer::~Tokenizer() = default;

std::unique_ptr<Tokenizer> Tokenizer::fromPlan(const plan::Plan &plan, const std::string &planName) {
  const plan::Tokenizer *tokenizer = plan.tokenizer();
  if (!tokenizer || tokenizer->kind() == plan::TokenizerKind::none)
    return nullptr;
  return fromData(dataOfTables(*tokenizer, planName + ": tokenizer"));
}

std::unique_ptr<Tokenizer> Tokenizer::fromData(TokenizerData data) {
  if (auto *bpe = std::get_if<BpeData>(&data.model))
    return std::make_unique<BpeTokenizer>(std::move(*bpe), data.name, std::move(data.settings));
  return std::make_unique<SentencePieceTokenizer>(std::get<SentencePieceData>(data.model).bytes, data.name,
                                                  data.settings);
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, SpecialTokens special) const {
  std::vector<int32_t> ids = encodePlain(text, special);
  if (addsBos())
    ids.insert(ids.begin(), *bos());
  if (addsEos())
    ids.push_back(*eos());
  return ids;
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
