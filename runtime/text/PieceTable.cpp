//===- PieceTable.cpp - Pieces and merges of BPE, to be looked up --------------------------------===//

#include "runtime/text/PieceTable.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <unordered_set>

namespace quipu {

/// Of a table for `count` entries; at most half of it is full.
static size_t slotsFor(size_t count) { return std::bit_ceil(2 * count + 2); }

PieceTable::PieceTable(const BpeData &data) : pieces(data.pieces), slots(slotsFor(data.pieces.size()), kNone) {
  std::unordered_set<uint32_t> unreachable(data.unreachable.begin(), data.unreachable.end());
  for (uint32_t id = 0; id < pieces.size(); ++id) {
    if (pieces[id].empty() || unreachable.contains(id))
      continue;
    size_t slot = XXH3_64bits(pieces[id].data(), pieces[id].size()) & (slots.size() - 1);
    while (slots[slot] != kNone && pieces[slots[slot]] != pieces[id])
      slot = (slot + 1) & (slots.size() - 1);
    // Of two equal pieces the first is found.
    if (slots[slot] == kNone)
      slots[slot] = id;
  }
}

std::optional<uint32_t> PieceTable::find(std::string_view piece) const {
  size_t slot = XXH3_64bits(piece.data(), piece.size()) & (slots.size() - 1);
  for (; slots[slot] != kNone; slot = (slot + 1) & (slots.size() - 1))
    if (pieces[slots[slot]] == piece)
      return slots[slot];
  return std::nullopt;
}

static uint64_t pairOf(uint32_t left, uint32_t right) { return uint64_t(left) << 32 | right; }

MergeTable::MergeTable(const BpeData &data, std::span<const uint32_t> ranks)
    : slots(slotsFor(data.merges.size()), Slot{kNone, {}}) {
  shift = unsigned(64 - std::countr_zero(slots.size()));
  for (size_t i = 0; i < data.merges.size(); ++i) {
    const BpeMerge &merge = data.merges[i];
    uint64_t pair = pairOf(merge.left, merge.right);
    uint32_t rank = !ranks.empty() ? ranks[i] : data.rankedByResult ? merge.result : uint32_t(i);
    slots[slotOf(pair)] = {pair, {rank, merge.result}};
    rankCount = std::max(rankCount, rank + 1);
  }
}

/// Where the pair is, or would be.
size_t MergeTable::slotOf(uint64_t pair) const {
  // Fibonacci hashing.
  size_t slot = size_t((pair * 0x9e3779b97f4a7c15) >> shift);
  while (slots[slot].pair != kNone && slots[slot].pair != pair)
    slot = (slot + 1) & (slots.size() - 1);
  return slot;
}

const MergeTable::Result *MergeTable::find(uint32_t left, uint32_t right) const {
  const Slot &slot = slots[slotOf(pairOf(left, right))];
  return slot.pair == kNone ? nullptr : &slot.result;
}

} // namespace quipu
