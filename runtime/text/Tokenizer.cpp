//===- Tokenizer.cpp - Text to ids and back ----------------------------------------------===//

#include "runtime/text/Tokenizer.h"
#include "runtime/core/Error.h"
#include "runtime/core/MappedFile.h"
#include "runtime/text/SentencePieceTokenizer.h"
#include "runtime/text/Utf8.h"

namespace quipu {

Tokenizer::~Tokenizer() = default;

std::unique_ptr<Tokenizer> Tokenizer::fromPlan(const plan::Plan &plan, const std::string &planName) {
  const plan::Tokenizer *tokenizer = plan.tokenizer();
  if (!tokenizer || tokenizer->kind() == plan::TokenizerKind::none)
    return nullptr;
  return fromBytes(tokenizer->kind(), {tokenizer->model()->data(), tokenizer->model()->size()},
                   planName + ": tokenizer", tokenizer->add_bos(), tokenizer->add_eos());
}

std::unique_ptr<Tokenizer> Tokenizer::fromFile(const std::string &path, bool addBos, bool addEos) {
  std::shared_ptr<MappedFile> file = MappedFile::open(path, "tokenizer");
  // The formats differ in their first bytes: JSON is text, a SentencePiece model begins with a protobuf tag.
  if (file->size() > 0 && file->data()[0] == '{')
    fail(path, ": a tokenizer.json, which is not supported; give the model's tokenizer.model (SentencePiece)");
  return fromBytes(plan::TokenizerKind::sentencepiece, file->span(), path, addBos, addEos);
}

std::unique_ptr<Tokenizer> Tokenizer::fromBytes(plan::TokenizerKind kind, std::span<const uint8_t> bytes,
                                                const std::string &name, bool addBos, bool addEos) {
  if (kind != plan::TokenizerKind::sentencepiece)
    fail(name, ": tokenizer kind ", unsigned(kind), " is not supported; expected sentencepiece");
  return std::make_unique<SentencePieceTokenizer>(bytes, name, addBos, addEos);
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
