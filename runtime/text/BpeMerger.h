//===- BpeMerger.h - From a word to its pieces ------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_BPEMERGER_H
#define QUIPU_RUNTIME_TEXT_BPEMERGER_H

#include "runtime/abi/BpeData.h"
#include "runtime/text/PieceTable.h"

#include <array>
#include <string_view>
#include <vector>

namespace quipu {

/// Byte pair encoding of one word. Source of the rules: huggingface/tokenizers, models/bpe/.
class BpeMerger {
public:
  /// Keeps a reference to the data, which must outlive this.
  explicit BpeMerger(const BpeData &data);

  /// Puts the ids of `word` behind `ids`. The time grows no faster than n log n.
  void append(std::string_view word, std::vector<int32_t> &ids) const;

  const PieceTable &pieces() const { return table; }

private:
  /// The ids of the word's characters or bytes, before any are merged.
  void cut(std::string_view word, std::vector<uint32_t> &symbols) const;
  bool cutByBytes(std::string_view character, std::vector<uint32_t> &symbols) const;
  void mergeFew(std::vector<uint32_t> &symbols) const;
  void mergeMany(std::vector<uint32_t> &symbols) const;

  const BpeData &data;
  PieceTable table;
  MergeTable merges;
  static constexpr uint32_t kNone = UINT32_MAX;
  /// The piece of each byte: of byte-level tokenizers that of the byte itself, else "<0xAB>".
  std::array<uint32_t, 256> byteIds{};
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_BPEMERGER_H
