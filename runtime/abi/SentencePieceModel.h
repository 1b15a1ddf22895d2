//===- SentencePieceModel.h - A tokenizer.model, checked ---------*- C++ -*-===//
//
// SentencePiece 0.2.1 trusts parts of a model's file: it follows the trie of the normaliser's character map wherever it
// leads. So the file is read and checked here before the library uses it.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_SENTENCEPIECEMODEL_H
#define QUIPU_RUNTIME_ABI_SENTENCEPIECEMODEL_H

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sentencepiece {
class ModelProto;
class SentencePieceProcessor;
} // namespace sentencepiece

namespace quipu {

/// The model in the bytes of a tokenizer.model. Throws Error that begins with `name`: what the file is instead, or
/// which part of it is damaged or not supported.
std::unique_ptr<sentencepiece::ModelProto> readSentencePieceModel(std::span<const uint8_t> bytes,
                                                                  const std::string &name);

/// A processor of `model` that puts a space before the first word, or none. Throws Error that begins with `name` when
/// the library cannot use the model.
std::unique_ptr<sentencepiece::SentencePieceProcessor> loadSentencePiece(const sentencepiece::ModelProto &model,
                                                                         bool addSpace, const std::string &name);

/// The id of a piece of exactly that spelling. The library itself answers with the unknown token where there is none.
std::optional<int32_t> findPiece(const sentencepiece::SentencePieceProcessor &processor, std::string_view piece);

/// Checks a precompiled character map: a 4-byte length, a Darts double array of that length whose values are offsets,
/// and strings that end in zeros. Every unit and string that a text can lead to must be inside its array. Returns what
/// is wrong; null: nothing.
const char *checkCharacterMap(std::string_view map);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_SENTENCEPIECEMODEL_H
