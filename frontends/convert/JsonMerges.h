//===- PieceMerges.h - A SentencePiece model as merges ----------------------*- C++ -*-===//
//
// A SentencePiece model of BPE has pieces with scores, a tokenizer.json has a list of merges. Hugging Face's own
// classes for a tokenizer.model put no space before a text that begins with one, so other programs get the same ids
// only by way of a tokenizer.json.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_CONVERT_JSONMERGES_H
#define QUIPU_FRONTENDS_CONVERT_JSONMERGES_H

#include "frontends/common/PieceModel.h"

#include <optional>
#include <string>

namespace quipu::convert {

/// The tokenizer as a tokenizer.json has it, or nothing and `reason`. `name`: its file. `added`: the tokens that are
/// found in a text before pieces are. `addsSpace`: whether a text gets a space in front.
std::optional<BpeData> jsonModelOf(const SentencePieceData &data, const std::string &name,
                                   const std::vector<AddedToken> &added, bool addsSpace, std::string &reason);

/// `added`, and the control pieces and the unknown one, which the model finds by itself, in the order of their ids.
std::vector<AddedToken> withOwnTokens(const frontend::PieceModel &model, std::vector<AddedToken> added);

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_JSONMERGES_H
