//===- PieceMerges.h - The merges of a SentencePiece model ----------------*- C++ -*-===//
//
// A SentencePiece model of BPE has pieces with scores. The library joins, of all neighbours that spell a piece, always
// those of the best score, of several the leftmost. The same can be said by a list of pairs with ranks, which is found
// faster, and which is what a tokenizer.json holds.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_PIECEMERGES_H
#define QUIPU_RUNTIME_ABI_PIECEMERGES_H

#include "runtime/abi/BpeData.h"

#include <optional>
#include <string>
#include <vector>

namespace sentencepiece {
class ModelProto;
} // namespace sentencepiece

namespace quipu {

struct PieceMerges {
  /// Pieces by id, all pairs that join to one, the best first, and how characters without a piece are written. Nothing
  /// of how a text is normalised.
  BpeData data;
  /// For each merge: equal where the scores of the results are.
  std::vector<uint32_t> ranks;
};

/// The merges of a model, by which texts without its user-defined pieces have the same ids. Nothing, and `reason`,
/// where pairs of pieces cannot say what it does.
std::optional<PieceMerges> mergesOf(const sentencepiece::ModelProto &model, std::string &reason);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_PIECEMERGES_H
