//===- PieceMerges.cpp - A SentencePiece model as merges -----------------------------------===//

#include "frontends/convert/PieceMerges.h"

#include "frontends/common/Json.h"
#include "frontends/common/SplitPatterns.h"
#include "runtime/abi/SpaceMark.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace quipu::convert {

using frontend::PieceModel;
using frontend::PieceModelSettings;
using frontend::PieceType;
using frontend::ScoredPiece;

namespace {

/// The pieces that texts become by merging, with all pairs that join to one.
class Merges {
public:
  explicit Merges(const PieceModel &model) : pieces(model.pieces) {
    for (uint32_t id = 0; id < pieces.size(); ++id)
      if (isFound(pieces[id]))
        ids.emplace(pieces[id].text, id);
  }

  /// Empty where there is no reason against it.
  std::string reasonAgainst();
  /// The best first.
  std::vector<BpeMerge> list() const;

private:
  static bool isFound(const ScoredPiece &piece) {
    return piece.type == PieceType::normal || piece.type == PieceType::unused;
  }
  std::string takePairs(uint32_t id);

  const std::vector<ScoredPiece> &pieces;
  std::unordered_map<std::string_view, uint32_t> ids;
  /// By the score of what they join to.
  std::map<float, std::vector<BpeMerge>, std::greater<>> merges;
};

} // namespace

/// The library joins any two neighbours that spell a piece; merges are only of pieces.
std::string Merges::takePairs(uint32_t id) {
  std::string_view text = pieces[id].text;
  if (firstInvalidByte(text))
    return concat("piece ", id, " is not UTF-8");
  std::vector<BpeMerge> pairs;
  auto isCharacter = [](std::string_view side) { return characterLength(side) == side.size(); };
  for (size_t cut = characterLength(text); cut < text.size(); cut += characterLength(text.substr(cut))) {
    std::string_view sides[] = {text.substr(0, cut), text.substr(cut)};
    auto left = ids.find(sides[0]), right = ids.find(sides[1]);
    bool hasLeft = left != ids.end(), hasRight = right != ids.end();
    if (hasLeft && hasRight)
      pairs.push_back({left->second, right->second, id});
    else if ((hasLeft || isCharacter(sides[0])) && (hasRight || isCharacter(sides[1])))
      return concat("the piece ", frontend::shownText(text), " has a character that is no piece");
  }
  if (pairs.empty())
    return {};
  if (pieces[id].type == PieceType::unused)
    return concat("the piece ", frontend::shownText(text), ", which others join to, is marked as unused");
  std::vector<BpeMerge> &same = merges[pieces[id].score];
  if (!same.empty())
    return concat("the pieces ", frontend::shownText(pieces[same.front().result].text), " and ",
                  frontend::shownText(text), " have the same score");
  same = std::move(pairs);
  return {};
}

std::string Merges::reasonAgainst() {
  for (uint32_t id = 0; id < pieces.size(); ++id)
    if (isFound(pieces[id]))
      if (std::string reason = takePairs(id); !reason.empty())
        return reason;
  return {};
}

std::vector<BpeMerge> Merges::list() const {
  std::vector<BpeMerge> list;
  for (const auto &[score, pairs] : merges)
    list.insert(list.end(), pairs.begin(), pairs.end());
  return list;
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

std::optional<BpeData> mergesOf(const PieceModel &model, const std::vector<AddedToken> &added, bool addsSpace,
                                std::string &reason) {
  Merges merges(model);
  reason = reasonAgainst(model, added);
  if (reason.empty())
    reason = merges.reasonAgainst();
  if (!reason.empty())
    return std::nullopt;
  BpeData data;
  for (const ScoredPiece &piece : model.pieces) {
    if (piece.type == PieceType::unknown)
      data.unknown = int32_t(data.pieces.size());
    data.byteFallback |= piece.type == PieceType::byte;
    data.pieces.push_back(piece.text);
  }
  data.merges = merges.list();
  data.fuseUnknown = true;
  std::string mark(kSpaceMark);
  if (addsSpace) {
    data.normalizer.push_back(frontend::textStep(TextStep::Kind::prepend, "", mark));
    data.strippedText = " ";
  }
  data.normalizer.push_back(frontend::textStep(TextStep::Kind::replace, " ", mark));
  data.decoder.push_back(frontend::textStep(TextStep::Kind::replace, mark, " "));
  return data;
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
