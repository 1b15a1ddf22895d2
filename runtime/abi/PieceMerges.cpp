//===- PieceMerges.cpp - The merges of a SentencePiece model ------------------------------===//

#include "runtime/abi/PieceMerges.h"
#include "runtime/support/Error.h"
#include "runtime/support/Utf8.h"

#include <builtin_pb/sentencepiece_model.pb.h>

#include <map>
#include <unordered_map>

namespace quipu {

using Piece = sentencepiece::ModelProto::SentencePiece;

static constexpr size_t kLongestPiece = 1024;

namespace {

/// The pieces that texts become by merging, with all pairs that join to one.
class Collector {
public:
  explicit Collector(const sentencepiece::ModelProto &model) : model(model) {
    for (int id = 0; id < model.pieces_size(); ++id)
      if (isFound(model.pieces(id)))
        ids.emplace(model.pieces(id).piece(), uint32_t(id));
  }

  /// Empty where there is no reason against it.
  std::string reasonAgainst();
  void moveTo(PieceMerges &result) const;

private:
  static bool isFound(const Piece &piece) { return piece.type() == Piece::NORMAL || piece.type() == Piece::UNUSED; }
  std::string takePairs(uint32_t id);

  const sentencepiece::ModelProto &model;
  std::unordered_map<std::string_view, uint32_t> ids;
  /// By the score of what they join to.
  std::map<float, std::vector<BpeMerge>, std::greater<>> merges;
};

} // namespace

/// The library joins any two neighbours that spell a piece; merges are only of pieces.
std::string Collector::takePairs(uint32_t id) {
  const Piece &piece = model.pieces(int(id));
  std::string_view text = piece.piece();
  auto isCharacter = [](std::string_view side) { return characterLength(side) == side.size(); };
  auto shown = [&] { return concat("the piece \"", text, "\" (", id, ")"); };
  if (text.empty() || firstInvalidByte(text))
    return concat("piece ", id, " is not UTF-8");
  // All ways to cut it are looked up.
  if (text.size() > kLongestPiece)
    return concat("piece ", id, " has more than ", kLongestPiece, " bytes");
  bool isJoined = false;
  for (size_t cut = characterLength(text); cut < text.size(); cut += characterLength(text.substr(cut))) {
    std::string_view sides[] = {text.substr(0, cut), text.substr(cut)};
    auto left = ids.find(sides[0]), right = ids.find(sides[1]);
    bool hasLeft = left != ids.end(), hasRight = right != ids.end();
    if (!(hasLeft || isCharacter(sides[0])) || !(hasRight || isCharacter(sides[1])))
      continue;
    if (!hasLeft || !hasRight)
      return shown() + " has a character that is no piece";
    merges[piece.score()].push_back({left->second, right->second, id});
    isJoined = true;
  }
  if (isJoined && piece.type() == Piece::UNUSED)
    return shown() + ", which others join to, is marked as unused";
  return {};
}

std::string Collector::reasonAgainst() {
  if (model.trainer_spec().model_type() != sentencepiece::TrainerSpec::BPE)
    return "it is no model of BPE";
  for (int id = 0; id < model.pieces_size(); ++id) {
    const Piece &piece = model.pieces(id);
    // A text of this one character would become the token.
    bool isToken = !isFound(piece) && piece.type() != Piece::USER_DEFINED && !piece.piece().empty();
    if (isToken && characterLength(piece.piece()) == piece.piece().size())
      return concat("token ", id, " is spelled as one character");
    if (isFound(piece))
      if (std::string reason = takePairs(uint32_t(id)); !reason.empty())
        return reason;
  }
  return {};
}

void Collector::moveTo(PieceMerges &result) const {
  uint32_t rank = 0;
  for (const auto &[score, pairs] : merges) {
    for (const BpeMerge &merge : pairs) {
      result.data.merges.push_back(merge);
      result.ranks.push_back(rank);
    }
    ++rank;
  }
}

std::optional<PieceMerges> mergesOf(const sentencepiece::ModelProto &model, std::string &reason) {
  Collector collector(model);
  reason = collector.reasonAgainst();
  if (!reason.empty())
    return std::nullopt;
  PieceMerges result;
  BpeData &data = result.data;
  for (int id = 0; id < model.pieces_size(); ++id) {
    const Piece &piece = model.pieces(id);
    if (piece.type() == Piece::UNKNOWN)
      data.unknown = id;
    data.byteFallback |= piece.type() == Piece::BYTE;
    if (piece.type() != Piece::NORMAL && piece.type() != Piece::UNUSED && piece.type() != Piece::BYTE)
      data.unreachable.push_back(uint32_t(id));
    data.pieces.push_back(piece.piece());
  }
  data.fuseUnknown = true;
  collector.moveTo(result);
  return result;
}

} // namespace quipu
