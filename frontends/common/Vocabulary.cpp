//===- Vocabulary.cpp - The pieces of a tokenizer's model --------------------------------===//

#include "frontends/common/Vocabulary.h"
#include "runtime/abi/SentencePieceModel.h"

#include <builtin_pb/sentencepiece_model.pb.h>
#include <sentencepiece_processor.h>

namespace quipu::frontend {

Vocabulary::Vocabulary(const TokenizerData &data) {
  auto model = readSentencePieceModel(std::get<SentencePieceData>(data.model).bytes, data.name);
  processor = loadSentencePiece(*model, model->normalizer_spec().add_dummy_prefix(), data.name);
}

Vocabulary::~Vocabulary() = default;

int32_t Vocabulary::size() const { return processor->GetPieceSize(); }

std::optional<int32_t> Vocabulary::find(std::string_view piece) const {
  // The library answers with the unknown token where there is no such piece.
  int id = processor->PieceToId(piece);
  if (id < 0 || id >= size() || processor->IdToPiece(id) != piece)
    return std::nullopt;
  return id;
}

std::string Vocabulary::piece(int32_t id) const { return processor->IdToPiece(id); }

static std::optional<int32_t> present(int id) { return id >= 0 ? std::optional<int32_t>(id) : std::nullopt; }

std::optional<int32_t> Vocabulary::bos() const { return present(processor->bos_id()); }
std::optional<int32_t> Vocabulary::eos() const { return present(processor->eos_id()); }

} // namespace quipu::frontend
