//===- WordCache.cpp - Ids of words that were seen --------------------------------------------------===//

#include "runtime/text/WordCache.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

namespace quipu {

bool WordCache::append(std::string_view word, std::vector<int32_t> &ids) {
  if (word.size() > kMaxBytes)
    return false;
  if (slots.empty())
    slots.resize(kSlots);
  hash = XXH3_64bits(word.data(), word.size());
  const Slot &slot = slots[hash % kSlots];
  if (slot.hash != hash || slot.count == 0 || std::string_view(slot.word.data(), slot.bytes) != word)
    return false;
  ids.insert(ids.end(), slot.ids.begin(), slot.ids.begin() + slot.count);
  return true;
}

void WordCache::keep(std::string_view word, std::span<const int32_t> ids) {
  if (word.size() > kMaxBytes || ids.size() > kMaxIds)
    return;
  Slot &slot = slots[hash % kSlots];
  slot.hash = hash;
  slot.bytes = uint8_t(word.size());
  slot.count = uint8_t(ids.size());
  std::ranges::copy(word, slot.word.begin());
  std::ranges::copy(ids, slot.ids.begin());
}

} // namespace quipu
