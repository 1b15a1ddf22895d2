//===- BpeMerger.cpp - From a word to its pieces ---------------------------------------------------===//

#include "runtime/text/BpeMerger.h"
#include "runtime/support/Utf8.h"
#include "runtime/text/RankQueue.h"

#include <algorithm>
#include <bit>
#include <queue>

namespace quipu {

/// Up to this many symbols looking at all of them for each merge is faster than a heap.
static constexpr size_t kFew = 48;
/// Up to this many a heap stays in the cache, and is faster than lists for all ranks.
static constexpr size_t kHeapSize = 1 << 15;
/// 128 KB. Vocabularies have some thousand to some ten thousand pairs of characters.
static constexpr size_t kNeighbourBits = 1 << 20;

namespace {

/// The queue for few places.
class HeapQueue {
public:
  explicit HeapQueue(uint32_t) {}
  bool empty() const { return heap.empty(); }
  void push(RankQueue::Entry entry) { heap.push(uint64_t(entry.rank) << 32 | entry.place); }
  RankQueue::Entry pop() {
    uint64_t best = heap.top();
    heap.pop();
    return {uint32_t(best >> 32), uint32_t(best)};
  }

private:
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> heap;
};

} // namespace

BpeMerger::BpeMerger(const BpeData &data, std::span<const uint32_t> ranks)
    : data(data), table(data), merges(data, ranks), neighbours(kNeighbourBits / 64) {
  byteIds.fill(kNone);
  if (data.byteLevel || data.byteFallback)
    for (unsigned byte = 0; byte < 256; ++byte)
      byteIds[byte] =
          table.find(data.byteLevel ? std::string(1, char(byte)) : bytePieceName(uint8_t(byte))).value_or(kNone);
  for (unsigned character = 0; character < asciiIds.size(); ++character)
    asciiIds[character] = table.find(std::string(1, char(character))).value_or(kNone);
  learnNeighbours();
}

/// The bit of a pair: Fibonacci hashing.
static size_t neighbourBit(uint32_t left, uint32_t right) {
  return size_t(((uint64_t(left) << 32 | right) * 0x9e3779b97f4a7c15) >> (64 - std::countr_zero(kNeighbourBits)));
}

bool BpeMerger::mayJoin(uint32_t left, uint32_t right) const {
  size_t bit = neighbourBit(left, right);
  return neighbours[bit / 64] >> (bit % 64) & 1;
}

void BpeMerger::learnNeighbours() {
  auto add = [&](uint32_t left, uint32_t right) {
    size_t bit = neighbourBit(left, right);
    neighbours[bit / 64] |= uint64_t(1) << (bit % 64);
  };
  // Symbols at the ends of a piece. "<0xAB>" and the unknown token are symbols themselves.
  auto isSymbol = [&](uint32_t id) {
    return int32_t(id) == data.unknown || std::ranges::find(byteIds, id) != byteIds.end();
  };
  std::vector<uint32_t> first(data.pieces.size()), last(data.pieces.size());
  for (uint32_t id = 0; id < data.pieces.size(); ++id) {
    std::string_view piece = data.pieces[id];
    if (piece.empty())
      continue;
    size_t begin = data.byteLevel ? 1 : characterLength(piece), end = piece.size() - 1;
    while (!data.byteLevel && end > 0 && (uint8_t(piece[end]) & 0xc0) == 0x80)
      --end;
    first[id] = table.find(piece.substr(0, begin)).value_or(kNone);
    last[id] = table.find(piece.substr(end)).value_or(kNone);
  }
  for (const BpeMerge &merge : data.merges) {
    add(last[merge.left], first[merge.right]);
    bool isLeft = isSymbol(merge.left), isRight = isSymbol(merge.right);
    if (isLeft)
      add(merge.left, first[merge.right]);
    if (isRight)
      add(last[merge.left], merge.right);
    if (isLeft && isRight)
      add(merge.left, merge.right);
  }
}

bool BpeMerger::cutByBytes(std::string_view character, std::vector<uint32_t> &symbols) const {
  if (!data.byteFallback || std::ranges::any_of(character, [&](char byte) { return byteIds[uint8_t(byte)] == kNone; }))
    return false;
  for (char byte : character)
    symbols.push_back(byteIds[uint8_t(byte)]);
  return true;
}

void BpeMerger::cut(std::string_view word, std::vector<uint32_t> &symbols) const {
  // An unknown token waits for what follows, since several may become one.
  bool isUnknownOpen = false;
  auto closeUnknown = [&] {
    if (isUnknownOpen)
      symbols.push_back(uint32_t(data.unknown));
    isUnknownOpen = false;
  };
  while (!word.empty()) {
    std::string_view character = word.substr(0, data.byteLevel ? 1 : characterLength(word));
    word.remove_prefix(character.size());
    uint32_t id = character.size() > 1 || uint8_t(character[0]) >= 128
                      ? (data.byteLevel ? byteIds[uint8_t(character[0])] : table.find(character).value_or(kNone))
                      : asciiIds[uint8_t(character[0])];
    if (id != kNone) {
      closeUnknown();
      symbols.push_back(id);
      continue;
    }
    // Hugging Face's bytes do not close an unknown one.
    if (!data.byteLevel && cutByBytes(character, symbols))
      continue;
    if (data.unknown < 0)
      continue;
    if (!data.fuseUnknown)
      closeUnknown();
    isUnknownOpen = true;
  }
  closeUnknown();
}

void BpeMerger::append(std::string_view word, std::vector<int32_t> &ids) const {
  if (data.ignoreMerges)
    if (std::optional<uint32_t> whole = table.find(word)) {
      ids.push_back(int32_t(*whole));
      return;
    }
  std::vector<uint32_t> symbols;
  symbols.reserve(word.size());
  cut(word, symbols);
  // Parts between which nothing can be joined have the ids that they have alone.
  std::span<uint32_t> rest = symbols;
  while (!rest.empty()) {
    size_t size = 1;
    while (size < rest.size() && mayJoin(rest[size - 1], rest[size]))
      ++size;
    mergePart(rest.first(size), ids);
    rest = rest.subspan(size);
  }
}

void BpeMerger::mergePart(std::span<uint32_t> symbols, std::vector<int32_t> &ids) const {
  size_t count = symbols.size() <= kFew        ? mergeFew(symbols)
                 : symbols.size() <= kHeapSize ? mergeMany<HeapQueue>(symbols)
                                               : mergeMany<RankQueue>(symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.begin() + long(count));
}

size_t BpeMerger::mergeFew(std::span<uint32_t> symbols) const {
  constexpr MergeTable::Result kNoMerge = {kNone, kNone};
  /// What each symbol and the next one become.
  std::array<MergeTable::Result, kFew> next;
  size_t count = symbols.size();
  auto lookUp = [&](size_t at) {
    const MergeTable::Result *found = at + 1 < count ? merges.find(symbols[at], symbols[at + 1]) : nullptr;
    next[at] = found ? *found : kNoMerge;
  };
  for (size_t at = 0; at < count; ++at)
    lookUp(at);
  while (count > 1) {
    size_t best = 0;
    for (size_t at = 1; at + 1 < count; ++at)
      if (next[at].rank < next[best].rank)
        best = at;
    if (next[best].id == kNone)
      break;
    symbols[best] = next[best].id;
    std::copy(symbols.begin() + long(best) + 2, symbols.begin() + long(count), symbols.begin() + long(best) + 1);
    std::copy(next.begin() + long(best) + 2, next.begin() + long(count), next.begin() + long(best) + 1);
    --count;
    lookUp(best);
    if (best > 0)
      lookUp(best - 1);
  }
  return count;
}

template <typename Queue> size_t BpeMerger::mergeMany(std::span<uint32_t> symbols) const {
  // A list of the symbols that are left: the places of their neighbours.
  std::vector<uint32_t> before(symbols.size()), behind(symbols.size());
  for (uint32_t at = 0; at < symbols.size(); ++at) {
    before[at] = at - 1;
    behind[at] = at + 1 < symbols.size() ? at + 1 : kNone;
  }
  Queue queue(merges.ranks());
  auto lookUp = [&](uint32_t at) {
    if (at == kNone || behind[at] == kNone)
      return;
    if (const MergeTable::Result *found = merges.find(symbols[at], symbols[behind[at]]))
      queue.push({found->rank, at});
  };
  for (uint32_t at = 0; at < symbols.size(); ++at)
    lookUp(at);
  while (!queue.empty()) {
    auto [rank, at] = queue.pop();
    if (symbols[at] == kNone || behind[at] == kNone)
      continue;
    // One of the two may have become another since.
    const MergeTable::Result *now = merges.find(symbols[at], symbols[behind[at]]);
    if (!now || now->rank != rank)
      continue;
    uint32_t gone = behind[at];
    symbols[at] = now->id;
    symbols[gone] = kNone;
    behind[at] = behind[gone];
    if (behind[at] != kNone)
      before[behind[at]] = at;
    lookUp(at);
    lookUp(before[at]);
  }
  return symbols.size() - std::ranges::remove(symbols, kNone).size();
}

} // namespace quipu
