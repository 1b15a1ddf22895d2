//===- SentencePieceWords.h - SentencePiece's BPE, word by word -------*- C++ -*-===//
//
// The library merges the whole of a text at once, at 45 MB a minute. Where no piece has a space mark behind another
// character, no merge crosses the beginning of a word. So a text can be encoded word by word, with the same ids, and
// the ids of words that come again are kept. A word that is new is merged by our own merger, where the model's pieces
// can be said as merges.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TEXT_SENTENCEPIECEWORDS_H
#define QUIPU_RUNTIME_TEXT_SENTENCEPIECEWORDS_H

#include "runtime/abi/PieceMerges.h"
#include "runtime/text/BpeMerger.h"
#include "runtime/text/WordCache.h"

#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace sentencepiece {
class ModelProto;
class SentencePieceProcessor;
} // namespace sentencepiece

namespace quipu {

class SentencePieceWords {
public:
  /// Whether words of the model are independent. It must be BPE: unigram is fast by itself, and sums the scores of the
  /// whole text.
  static bool isPossible(const sentencepiece::ModelProto &model);

  /// Throws Error that begins with `name` when the library cannot use the model.
  SentencePieceWords(const sentencepiece::ModelProto &model, const std::string &name);
  ~SentencePieceWords();

  /// Puts the ids of a text behind `ids`. The text is as the model's normaliser makes it.
  void append(std::string_view normalized, std::vector<int32_t> &ids);

private:
  void appendWord(std::string_view word, std::vector<int32_t> &ids) const;

  /// Either these or the library.
  std::optional<PieceMerges> merges;
  std::optional<BpeMerger> merger;
  std::unique_ptr<sentencepiece::SentencePieceProcessor> processor;
  /// For one text at a time; the others do without.
  std::mutex cacheMutex;
  WordCache cache;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_SENTENCEPIECEWORDS_H
