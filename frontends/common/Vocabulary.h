//===- Vocabulary.h - The pieces of a tokenizer's model ----------*- C++ -*-===//
//
// What a frontend asks about a tokenizer: which pieces it has, and which of them begin and end a text. Text is made to
// ids by runtime/text, which frontends do not know.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_COMMON_VOCABULARY_H
#define QUIPU_FRONTENDS_COMMON_VOCABULARY_H

#include "runtime/abi/TokenizerData.h"

#include <memory>
#include <string_view>
#include <unordered_map>

namespace sentencepiece {
class SentencePieceProcessor;
} // namespace sentencepiece

namespace quipu::frontend {

/// The pieces of the model alone, without added tokens.
class Vocabulary {
public:
  /// Throws quipu::Error that begins with the data's name when the model is damaged or of another kind. Keeps a
  /// reference to the data, in which there must be a tokenizer.
  explicit Vocabulary(const TokenizerData &data);
  ~Vocabulary();

  /// One more than the largest id of a piece.
  int32_t size() const;
  /// The id of a piece of exactly that spelling.
  std::optional<int32_t> find(std::string_view piece) const;
  std::string piece(int32_t id) const;
  /// The tokens that the model itself names; a BPE model names none.
  std::optional<int32_t> bos() const;
  std::optional<int32_t> eos() const;

private:
  /// One of the two is there.
  const BpeData *bpe;
  std::unordered_map<std::string, int32_t> bpeIds;
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor;
};

} // namespace quipu::frontend

#endif // QUIPU_FRONTENDS_COMMON_VOCABULARY_H
