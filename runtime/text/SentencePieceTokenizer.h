//===- SentencePieceTokenizer.h - tokenizer.model ---------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_SENTENCEPIECETOKENIZER_H
#define QUIPU_RUNTIME_TEXT_SENTENCEPIECETOKENIZER_H

#include "runtime/text/AddedTokens.h"
#include "runtime/text/Tokenizer.h"

#include <array>
#include <mutex>
#include <unordered_map>

namespace sentencepiece {
class ModelProto;
class SentencePieceProcessor;
} // namespace sentencepiece

namespace quipu {

class SentencePieceWords;

/// LLaMA 1 and 2: BPE or unigram pieces with a space before the first word, unknown characters as byte pieces; added
/// tokens are found first. Ids are those of Hugging Face's LlamaTokenizer: in its legacy form each stretch of text
/// between added tokens is encoded by itself as SentencePiece does; otherwise those behind a token get no space.
class SentencePieceTokenizer : public Tokenizer {
public:
  /// `bytes`: a tokenizer.model. Throws Error that begins with `name` when they are none, or do not go with `settings`.
  SentencePieceTokenizer(std::span<const uint8_t> bytes, const std::string &name, const TokenizerSettings &settings);
  ~SentencePieceTokenizer() override;

  bool isLongerThan(std::string_view text, uint64_t count) const override;
  bool appendBytes(int32_t id, bool atStart, std::string &out) const override;
  BadBytes badBytes() const override { return BadBytes::each; }
  bool isControl(int32_t id) const override;
  std::string piece(int32_t id) const override;
  std::optional<int32_t> find(std::string_view piece) const override;
  std::optional<int32_t> bos() const override;
  std::optional<int32_t> eos() const override;

protected:
  std::vector<int32_t> encodeParts(std::string_view text, SpecialTokens special,
                                   const TokenPlaces *places) const override;
  bool isPiece(int32_t id) const override { return id >= 0 && id < pieces; }

private:
  using Processor = sentencepiece::SentencePieceProcessor;

  void takeAddedTokens(const std::string &name);
  std::vector<TextPart> partsOf(std::string_view text, SpecialTokens special, const TokenPlaces *places) const;
  void learnLongestPiece();
  void appendText(std::string_view text, bool isFirst, std::vector<int32_t> &ids) const;

  /// For a stretch of text; `isFirst`: the whole text begins with it.
  const Processor &processorFor(bool isFirst) const;

  const std::string name;
  std::unique_ptr<sentencepiece::ModelProto> model;
  /// With a space before the first word, where the settings want one.
  std::unique_ptr<Processor> processor;
  /// Without; made when it is first needed.
  mutable std::unique_ptr<Processor> withoutSpace;
  mutable std::once_flag madeWithoutSpace;
  /// What makes ids of normalised text, where the model allows it; made when it is first needed.
  bool encodesWords = false;
  mutable std::unique_ptr<SentencePieceWords> words;
  mutable std::once_flag madeWords;
  /// Stretches of text behind an added token get no space.
  bool spaceOnlyAtStart = false;
  /// Pieces of the model.
  int32_t pieces = 0;
  AddedTokenFinders finders;
  /// Control pieces and the unknown one as if they were added, for texts in which special tokens are found.
  std::vector<AddedToken> ownTokens;
  /// Decoding leaves out a space before the first word (encoding added it), and goes on while there is no word.
  bool dropsFirstSpace = false;
  bool dropsAllSpaces = false;
  /// Bytes of normalised text that one id covers at most; 0: any number, since unknown characters that follow each
  /// other are one id where there are no byte pieces for them, and added tokens may take white space with them.
  size_t longestPiece = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_SENTENCEPIECETOKENIZER_H
