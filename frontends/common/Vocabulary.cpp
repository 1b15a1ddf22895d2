//===- Vocabulary.cpp - The pieces of a tokenizer's model --------------------------------===//

#include "frontends/common/Vocabulary.h"
#include "runtime/abi/SentencePieceModel.h"

#include <builtin_pb/sentencepiece_model.pb.h>
#include <sentencepiece_processor.h>

namespace quipu::frontend {

Vocabulary::Vocabulary(const TokenizerData &data) : bpe(std::get_if<BpeData>(&data.model)) {
  if (!bpe) {
    auto model = readSentencePieceModel(std::get<SentencePieceData>(data.model).bytes, data.name);
    processor = loadSentencePiece(*model, model->normalizer_spec().add_dummy_prefix(), data.name);
    return;
  }
  for (size_t id = 0; id < bpe->pieces.size(); ++id)
    if (!bpe->pieces[id].empty())
      bpeIds.emplace(bpe->spelling(uint32_t(id)), int32_t(id));
}

Vocabulary::~Vocabulary() = default;

int32_t Vocabulary::size() const { return bpe ? int32_t(bpe->pieces.size()) : processor->GetPieceSize(); }

std::optional<int32_t> Vocabulary::find(std::string_view piece) const {
  if (bpe) {
    auto found = bpeIds.find(std::string(piece));
    return found == bpeIds.end() ? std::nullopt : std::optional(found->second);
  }
  return findPiece(*processor, piece);
}

std::string Vocabulary::piece(int32_t id) const { return bpe ? bpe->spelling(uint32_t(id)) : processor->IdToPiece(id); }

static std::optional<int32_t> present(int id) { return id >= 0 ? std::optional<int32_t>(id) : std::nullopt; }

std::optional<int32_t> Vocabulary::bos() const { return bpe ? std::nullopt : present(processor->bos_id()); }
std::optional<int32_t> Vocabulary::eos() const { return bpe ? std::nullopt : present(processor->eos_id()); }

} // namespace quipu::frontend
