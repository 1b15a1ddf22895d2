//===- BpeMerger.cpp - From a word to its pieces ---------------------------------------------------===//

#include "runtime/text/BpeMerger.h"
#include "runtime/support/Utf8.h"

#include <algorithm>
#include <queue>
#include <tuple>

namespace quipu {

/// Up to this many symbols looking at all of them for each merge is faster than a heap.
static constexpr size_t kFew = 48;

BpeMerger::BpeMerger(const BpeData &data) : data(data), table(data), merges(data) {
  byteIds.fill(kNone);
  if (data.byteLevel || data.byteFallback)
    for (unsigned byte = 0; byte < 256; ++byte)
      byteIds[byte] =
          table.find(data.byteLevel ? std::string(1, char(byte)) : bytePieceName(uint8_t(byte))).value_or(kNone);
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
    uint32_t id = data.byteLevel ? byteIds[uint8_t(character[0])] : table.find(character).value_or(kNone);
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
  if (symbols.size() <= kFew)
    mergeFew(symbols);
  else
    mergeMany(symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
}

void BpeMerger::mergeFew(std::vector<uint32_t> &symbols) const {
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
  symbols.resize(count);
}

namespace {

/// A merge that was possible when it was found.
struct Candidate {
  uint32_t rank;
  uint32_t place;
  uint32_t result;
  bool operator>(const Candidate &other) const { return std::tie(rank, place) > std::tie(other.rank, other.place); }
};

} // namespace

void BpeMerger::mergeMany(std::vector<uint32_t> &symbols) const {
  // A list of the symbols that are left: the places of their neighbours.
  std::vector<uint32_t> before(symbols.size()), behind(symbols.size());
  for (uint32_t at = 0; at < symbols.size(); ++at) {
    before[at] = at - 1;
    behind[at] = at + 1 < symbols.size() ? at + 1 : kNone;
  }
  std::vector<Candidate> first;
  for (uint32_t at = 0; at + 1 < symbols.size(); ++at)
    if (const MergeTable::Result *found = merges.find(symbols[at], symbols[at + 1]))
      first.push_back({found->rank, at, found->id});
  std::priority_queue heap(std::greater<Candidate>(), std::move(first));
  auto lookUp = [&](uint32_t at) {
    if (at == kNone || behind[at] == kNone)
      return;
    if (const MergeTable::Result *found = merges.find(symbols[at], symbols[behind[at]]))
      heap.push({found->rank, at, found->id});
  };
  while (!heap.empty()) {
    Candidate best = heap.top();
    heap.pop();
    uint32_t at = best.place;
    if (symbols[at] == kNone || behind[at] == kNone)
      continue;
    // One of the two may have become another since.
    const MergeTable::Result *now = merges.find(symbols[at], symbols[behind[at]]);
    if (!now || now->rank != best.rank || now->id != best.result)
      continue;
    uint32_t gone = behind[at];
    symbols[at] = best.result;
    symbols[gone] = kNone;
    behind[at] = behind[gone];
    if (behind[at] != kNone)
      before[behind[at]] = at;
    lookUp(at);
    lookUp(before[at]);
  }
  std::erase(symbols, kNone);
}

} // namespace quipu
