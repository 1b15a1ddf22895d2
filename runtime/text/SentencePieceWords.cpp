//===- SentencePieceWords.cpp - SentencePiece's BPE, word by word ------------------------------------===//

#include "runtime/text/SentencePieceWords.h"
#include "runtime/abi/SentencePieceModel.h"
#include "runtime/support/Error.h"
#include "runtime/text/SpaceMark.h"

#include <builtin_pb/sentencepiece_model.pb.h>
#include <sentencepiece_processor.h>

#include <algorithm>

namespace quipu {

bool SentencePieceWords::isPossible(const sentencepiece::ModelProto &model) {
  using Piece = sentencepiece::ModelProto::SentencePiece;
  if (model.trainer_spec().model_type() != sentencepiece::TrainerSpec::BPE ||
      !model.normalizer_spec().escape_whitespaces())
    return false;
  // Unknown characters that follow each other are one id, so a space mark must not be unknown.
  bool knowsSpace = false;
  for (const Piece &piece : model.pieces()) {
    bool isOfText =
        piece.type() == Piece::NORMAL || piece.type() == Piece::USER_DEFINED || piece.type() == Piece::UNUSED;
    if (isOfText && secondWord(piece.piece()) != piece.piece().size())
      return false;
    knowsSpace |= piece.type() == Piece::BYTE || (isOfText && piece.piece() == kSpaceMark);
  }
  return knowsSpace;
}

SentencePieceWords::SentencePieceWords(const sentencepiece::ModelProto &model, const std::string &name) {
  // The library finds user-defined pieces before all others.
  auto isUserDefined = [](const auto &piece) {
    return piece.type() == sentencepiece::ModelProto::SentencePiece::USER_DEFINED;
  };
  std::string reason;
  if (std::ranges::none_of(model.pieces(), isUserDefined))
    merges = mergesOf(model, reason);
  if (merges) {
    merger.emplace(merges->data, merges->ranks);
    return;
  }
  sentencepiece::ModelProto plain = model;
  sentencepiece::NormalizerSpec &normalizer = *plain.mutable_normalizer_spec();
  normalizer.clear_precompiled_charsmap();
  normalizer.set_name("identity");
  normalizer.set_add_dummy_prefix(false);
  normalizer.set_remove_extra_whitespaces(false);
  // It was made with the model's own normaliser.
  plain.clear_self_test_data();
  processor = loadSentencePiece(plain, /*addSpace=*/false, name);
}

SentencePieceWords::~SentencePieceWords() = default;

void SentencePieceWords::appendWord(std::string_view word, std::vector<int32_t> &ids) const {
  if (merger)
    return merger->append(word, ids);
  std::vector<int> found;
  sentencepiece::util::Status status = processor->Encode(word, &found);
  if (!status.ok())
    fail("the text cannot be tokenized: ", status.message());
  ids.insert(ids.end(), found.begin(), found.end());
}

void SentencePieceWords::append(std::string_view normalized, std::vector<int32_t> &ids) {
  std::unique_lock lock(cacheMutex, std::try_to_lock);
  while (!normalized.empty()) {
    std::string_view word = normalized.substr(0, secondWord(normalized));
    normalized.remove_prefix(word.size());
    if (!lock.owns_lock()) {
      appendWord(word, ids);
      continue;
    }
    if (cache.append(word, ids))
      continue;
    size_t before = ids.size();
    appendWord(word, ids);
    cache.keep(word, std::span(ids).subspan(before));
  }
}

} // namespace quipu
