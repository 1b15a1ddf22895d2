//===- BpeTokenizer.h - Byte pair encoding of any kind ----------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_BPETOKENIZER_H
#define QUIPU_RUNTIME_TEXT_BPETOKENIZER_H

#include "runtime/text/AddedTokens.h"
#include "runtime/text/BpeMerger.h"
#include "runtime/text/TextSteps.h"
#include "runtime/text/Tokenizer.h"
#include "runtime/text/WordCache.h"

#include <mutex>

namespace quipu {

/// What BpeData says. Ids are those of Hugging Face's tokenizers and of tiktoken. BOS and EOS, which are added tokens
/// here, have no text when they are decoded.
class BpeTokenizer : public Tokenizer {
public:
  /// Throws Error that begins with `name` when the data is unsound, or does not go with `settings`.
  BpeTokenizer(BpeData data, const std::string &name, TokenizerSettings settings);
  ~BpeTokenizer() override;

  bool isLongerThan(std::string_view text, uint64_t count) const override;
  bool appendBytes(int32_t id, bool atStart, std::string &out) const override;
  /// Hugging Face makes no character at all of byte pieces that follow each other if one of their bytes is wrong. Here
  /// the others stay, as with SentencePiece.
  BadBytes badBytes() const override { return data.byteLevel ? BadBytes::begun : BadBytes::each; }
  bool isControl(int32_t id) const override;
  std::string piece(int32_t id) const override;
  std::optional<int32_t> find(std::string_view piece) const override;
  std::optional<int32_t> bos() const override;
  std::optional<int32_t> eos() const override;

protected:
  std::vector<int32_t> encodeParts(std::string_view text, SpecialTokens special,
                                   const TokenPlaces *places) const override;
  bool isPiece(int32_t id) const override;

private:
  class Encoding;

  void takeAddedTokens();
  void learnLongestPiece();
  bool wordsAreIndependent() const;

  const BpeData data;
  TextSteps normalizer, splitter;
  BpeMerger merger;
  /// What is looked for in the text as it is, and in the normalised one.
  AddedTokenFinders finders;
  /// What the splitter leaves whole is cut into words at its space marks.
  bool cutsAtSpaces = false;
  /// Bytes of a text that one id covers at most; 0: any number, since normalising may leave out some.
  size_t longestPiece = 0;
  /// For one encoding at a time; the others do without.
  mutable std::mutex cacheMutex;
  mutable WordCache cache;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_BPETOKENIZER_H
