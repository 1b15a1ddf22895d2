//===- SentencePieceTokenizer.h - tokenizer.model ---------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_SENTENCEPIECETOKENIZER_H
#define QUIPU_RUNTIME_TEXT_SENTENCEPIECETOKENIZER_H

#include "runtime/text/Tokenizer.h"

namespace sentencepiece {
class SentencePieceProcessor;
} // namespace sentencepiece

namespace quipu {

/// LLaMA 1 and 2: BPE or unigram pieces with a space before the first word, unknown characters as byte pieces. Ids are
/// those of Hugging Face's slow LlamaTokenizer in its legacy form.
class SentencePieceTokenizer : public Tokenizer {
public:
  /// `bytes`: a tokenizer.model. Throws Error that begins with `name` when they are none.
  SentencePieceTokenizer(std::span<const uint8_t> bytes, const std::string &name, bool addBos, bool addEos);
  ~SentencePieceTokenizer() override;

  std::vector<int32_t> encode(std::string_view text) const override;
  std::vector<int32_t> encodePlain(std::string_view text) const override;
  bool isLongerThan(std::string_view text, uint64_t count) const override;
  bool appendBytes(int32_t id, bool atStart, std::string &out) const override;
  bool isControl(int32_t id) const override;
  std::string piece(int32_t id) const override;
  int32_t size() const override { return vocabulary; }
  std::optional<int32_t> bos() const override;
  std::optional<int32_t> eos() const override;

private:
  void requireId(int32_t id) const;
  void learnLeadingSpaces();
  void learnLongestPiece();

  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor;
  int32_t vocabulary = 0;
  /// What decoding does with spaces before the first word: leaves out one (encoding added it), or all.
  bool dropsFirstSpace = false;
  bool dropsAllSpaces = false;
  /// Bytes of normalised text that one id covers at most; 0: any number, since unknown characters that follow each
  /// other are one id where there are no byte pieces for them.
  size_t longestPiece = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_SENTENCEPIECETOKENIZER_H
