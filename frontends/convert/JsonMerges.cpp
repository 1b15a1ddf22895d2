//===- JsonMerges.cpp - A SentencePiece model as a tokenizer.json --------------------------===//

#include "frontends/convert/JsonMerges.h"

#include "frontends/common/Json.h"
#include "frontends/common/SplitPatterns.h"
#include "runtime/abi/PieceMerges.h"
#include "runtime/abi/SentencePieceModel.h"
#include "runtime/abi/SpaceMark.h"
#include "runtime/support/Error.h"

#include <builtin_pb/sentencepiece_model.pb.h>

#include <algorithm>

namespace quipu::convert {

using frontend::PieceModel;
using frontend::PieceModelSettings;
using frontend::PieceType;
using frontend::ScoredPiece;

/// A tokenizer.json has an order of merges, in which no two are equal.
static std::string sameScore(const PieceMerges &merges) {
  const std::vector<BpeMerge> &list = merges.data.merges;
  for (size_t i = 1; i < list.size(); ++i)
    if (merges.ranks[i] == merges.ranks[i - 1] && list[i].result != list[i - 1].result)
      return concat("the pieces ", frontend::shownText(merges.data.pieces[list[i - 1].result]), " and ",
                    frontend::shownText(merges.data.pieces[list[i].result]), " have the same score");
  return {};
}

static std::string reasonAgainst(const PieceModel &model, const std::vector<AddedToken> &added) {
  const PieceModelSettings &settings = model.settings;
  if (settings.algorithm != PieceModelSettings::Algorithm::bpe)
    return "it is a unigram model";
  if (!settings.characterMap.empty())
    return "it changes characters (a precompiled map) before it finds pieces";
  if (settings.removeExtraSpaces)
    return "it leaves out spaces that follow each other";
  for (size_t id = 0; id < model.pieces.size(); ++id)
    if (model.pieces[id].type == PieceType::userDefined &&
        std::ranges::find(added, int32_t(id), &AddedToken::id) == added.end())
      return concat("the piece ", frontend::shownText(model.pieces[id].text),
                    " is found before others, but is no added token");
  return {};
}

std::optional<BpeData> jsonModelOf(const SentencePieceData &data, const std::string &name,
                                   const std::vector<AddedToken> &added, bool addsSpace, std::string &reason) {
  reason = reasonAgainst(frontend::piecesOf(data, name), added);
  if (!reason.empty())
    return std::nullopt;
  std::optional<PieceMerges> merges = mergesOf(*readSentencePieceModel(data.bytes, name), reason);
  if (merges)
    reason = sameScore(*merges);
  if (!reason.empty())
    return std::nullopt;
  BpeData &bpe = merges->data;
  std::string mark(kSpaceMark);
  if (addsSpace) {
    bpe.normalizer.push_back(frontend::textStep(TextStep::Kind::prepend, "", mark));
    bpe.strippedText = " ";
  }
  bpe.normalizer.push_back(frontend::textStep(TextStep::Kind::replace, " ", mark));
  bpe.decoder.push_back(frontend::textStep(TextStep::Kind::replace, mark, " "));
  return std::move(bpe);
}

std::vector<AddedToken> withOwnTokens(const PieceModel &model, std::vector<AddedToken> added) {
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const ScoredPiece &piece = model.pieces[id];
    bool isOwn = piece.type == PieceType::control || piece.type == PieceType::unknown;
    if (isOwn && std::ranges::find(added, int32_t(id), &AddedToken::id) == added.end())
      added.push_back({.id = int32_t(id), .content = piece.text, .special = true});
  }
  std::ranges::sort(added, {}, &AddedToken::id);
  return added;
}

} // namespace quipu::convert
