//===- PieceModel.h - A SentencePiece model of a list of pieces ---*- C++ -*-===//
//
// Some formats (GGUF's `llama` tokenizer, llama2.c's tokenizer.bin) hold the pieces and scores of a SentencePiece model
// but not its file. Here the file is made again, so that text becomes ids by the same library.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_PIECEMODEL_H
#define QUIPU_FRONTENDS_COMMON_PIECEMODEL_H

#include "runtime/abi/TokenizerData.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu::frontend {

/// Numbered as in SentencePiece's model and in GGUF's `tokenizer.ggml.token_type`.
enum class PieceType : uint8_t { normal = 1, unknown = 2, control = 3, userDefined = 4, unused = 5, byte = 6 };

/// The index of a piece is its id.
struct ScoredPiece {
  /// With U+2581 in place of spaces. A byte piece is "<0xAB>".
  std::string text;
  float score = 0;
  PieceType type = PieceType::normal;
};

struct PieceModelSettings {
  enum class Algorithm : uint8_t { bpe, unigram };
  Algorithm algorithm = Algorithm::bpe;
  /// A space before the first word.
  bool addSpacePrefix = true;
  /// Spaces at the ends are left out, and of several that follow each other all but one.
  bool removeExtraSpaces = false;
  /// Ids that the model itself names. Nothing: those of the control pieces "<s>" and "</s>", where there are any.
  std::optional<int32_t> bos, eos;
  /// The normaliser's precompiled map of characters; empty: text stays as it is.
  std::string characterMap;
};

struct PieceModel {
  std::vector<ScoredPiece> pieces;
  PieceModelSettings settings;
};

/// The pieces of a tokenizer.model. Throws quipu::Error that begins with `name` where its algorithm is neither BPE nor
/// unigram.
PieceModel piecesOf(const SentencePieceData &data, const std::string &name);

/// The model, as a tokenizer.model would hold it. Bytes are pieces where one of the pieces is of the type `byte`.
/// `name`: the file (and the field), with which messages begin. Throws quipu::Error when there is no unknown token or
/// several, when the bytes are not exactly the 256, when two pieces are equal, or when an id is outside of the list.
SentencePieceData sentencePieceModelOf(const std::vector<ScoredPiece> &pieces, const PieceModelSettings &settings,
                                       const std::string &name);

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_PIECEMODEL_H
