//===- WordCache.h - Ids of words that were seen ----------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_TEXT_WORDCACHE_H
#define QUIPU_RUNTIME_TEXT_WORDCACHE_H

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace quipu {

/// Keeps the ids of short words. It has a fixed size: a word takes the place of another that has the same slot.
class WordCache {
public:
  /// Puts the ids of `word` behind `ids`; false when it is not there.
  bool append(std::string_view word, std::vector<int32_t> &ids);

  /// Keeps `ids` of the word that append() was asked for last, where both are short.
  void keep(std::string_view word, std::span<const int32_t> ids);

private:
  static constexpr size_t kSlots = 1 << 15;
  static constexpr size_t kMaxBytes = 30, kMaxIds = 6;
  /// 64 bytes: a line of the processor's cache.
  struct Slot {
    uint64_t hash;
    uint8_t bytes;
    uint8_t count;
    std::array<char, kMaxBytes> word;
    std::array<int32_t, kMaxIds> ids;
  };
  static_assert(sizeof(Slot) == 64);

  /// Made when the first word comes.
  std::vector<Slot> slots;
  uint64_t hash = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_WORDCACHE_H
