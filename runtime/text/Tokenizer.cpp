//===- Tokenizer.cpp - Text to ids and back ----------------------------------------------===//

#include "runtime/text/Tokenizer.h"
#include "runtime/support/Error.h"
#include "runtime/text/BpeTokenizer.h"
#include "runtime/text/SentencePieceTokenizer.h"
#include "runtime/text/TokenizerTables.h"

#include <algorithm>

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
  takeCharacters(bytes, text, /*final=*/true, badBytes());
  return text;
}

void Tokenizer::takeAdded(const AddedToken &token) {
  takeId(token.id);
  addedById.emplace(token.id, &token);
}

const AddedToken *Tokenizer::addedToken(int32_t id) const {
  auto it = addedById.find(id);
  return it == addedById.end() ? nullptr : it->second;
}

std::optional<int32_t> Tokenizer::findAdded(std::string_view content) const {
  auto found = std::ranges::find(settings.added, content, &AddedToken::content);
  return found == settings.added.end() ? std::nullopt : std::optional(found->id);
}

void Tokenizer::requireId(int32_t id) const {
  if (id < 0 || id > largestId)
    fail("token id ", id, ": the tokenizer has ids 0 to ", largestId);
  if (!has(id))
    fail("token id ", id, ": the tokenizer has no token of this id, though its ids go up to ", largestId);
}

} // namespace quipu
