//===- PieceTable.h - Pieces and merges of BPE, to be looked up ------*- C++ -*-===//
//
// Flat tables, which are filled once: a tokenizer of 128,000 pieces and 280,000 merges is ready in some milliseconds.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TEXT_PIECETABLE_H
#define QUIPU_RUNTIME_TEXT_PIECETABLE_H

#include "runtime/abi/BpeData.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace quipu {

/// From a piece to its id. Unreachable pieces are not in it.
class PieceTable {
public:
  /// Keeps views of the pieces, which must outlive this.
  explicit PieceTable(const BpeData &data);

  std::optional<uint32_t> find(std::string_view piece) const;

private:
  static constexpr uint32_t kNone = UINT32_MAX;
  const std::vector<std::string> &pieces;
  /// Ids; the number is a power of two.
  std::vector<uint32_t> slots;
};

/// From two neighbours to what they become.
class MergeTable {
public:
  struct Result {
    uint32_t rank;
    uint32_t id;
  };

  /// `ranks`: of each merge, if they are others than the data says.
  explicit MergeTable(const BpeData &data, std::span<const uint32_t> ranks = {});

  /// Null: no merge has these.
  const Result *find(uint32_t left, uint32_t right) const;

  /// One more than the largest rank.
  uint32_t ranks() const { return rankCount; }

private:
  struct Slot {
    uint64_t pair;
    Result result;
  };
  static constexpr uint64_t kNone = UINT64_MAX;
  size_t slotOf(uint64_t pair) const;

  std::vector<Slot> slots;
  unsigned shift = 0;
  uint32_t rankCount = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_PIECETABLE_H
