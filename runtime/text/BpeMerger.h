//===- BpeMerger.h - From a word to its pieces ------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_BPEMERGER_H
#define QUIPU_RUNTIME_TEXT_BPEMERGER_H

#include "runtime/abi/BpeData.h"
#include "runtime/text/PieceTable.h"

#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace quipu {

/// Byte pair encoding of one word. Source of the rules: huggingface/tokenizers, models/bpe/.
class BpeMerger {
public:
  /// Keeps a reference to the data, which must outlive this. `ranks`: of each merge, if they are others than the data
  /// says.
  explicit BpeMerger(const BpeData &data, std::span<const uint32_t> ranks = {});

  /// Puts the ids of `word` behind `ids`. The time grows no faster than n log n.
  void append(std::string_view word, std::vector<int32_t> &ids) const;

  const PieceTable &pieces() const { return table; }

private:
  /// The ids of the word's characters or bytes, before any are merged.
  void cut(std::string_view word, std::vector<uint32_t> &symbols) const;
  bool cutByBytes(std::string_view character, std::vector<uint32_t> &symbols) const;
  void learnNeighbours();
  /// False: no merge joins what ends in the symbol `left` with what begins with `right`.
  bool mayJoin(uint32_t left, uint32_t right) const;
  void mergePart(std::span<uint32_t> symbols, std::vector<int32_t> &ids) const;
  /// What becomes of the symbols stands at their front; the result says how many there are.
  size_t mergeFew(std::span<uint32_t> symbols) const;
  template <typename Queue> size_t mergeMany(std::span<uint32_t> symbols) const;

  const BpeData &data;
  PieceTable table;
  MergeTable merges;
  /// A bit for each pair of symbols that stand side by side in a piece that merges make; pairs share bits.
  std::vector<uint64_t> neighbours;
  static constexpr uint32_t kNone = UINT32_MAX;
  /// The piece of each byte: of byte-level tokenizers that of the byte itself, else "<0xAB>".
  std::array<uint32_t, 256> byteIds{};
  /// The pieces of ASCII's characters, where pieces are characters.
  std::array<uint32_t, 128> asciiIds{};
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_BPEMERGER_H
