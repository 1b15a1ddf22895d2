//===- IdMap.h - Values by ids that count up --------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_IDMAP_H
#define QUIPU_RUNTIME_SUPPORT_IDMAP_H

#include "runtime/support/Error.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace quipu {

/// A hash map for ids that are looked up all the time: all of it is one piece of memory, and an id is nearly always at
/// the first place where it is looked for. Inserting and erasing move values. No id is UINT64_MAX.
template <typename Value> class IdMap {
public:
  /// Null: there is none.
  Value *find(uint64_t id) {
    Entry &entry = entries[placeOf(id)];
    return entry.id == id ? &entry.value : nullptr;
  }
  const Value *find(uint64_t id) const { return const_cast<IdMap &>(*this).find(id); }

  /// Throws Error if there is none.
  Value &at(uint64_t id) {
    Value *found = find(id);
    if (!found)
      fail("nothing has id ", id);
    return *found;
  }
  const Value &at(uint64_t id) const { return const_cast<IdMap &>(*this).at(id); }

  /// The id is new.
  Value &insert(uint64_t id, Value value) {
    if (2 * ++count > entries.size())
      grow();
    Entry &entry = entries[placeOf(id)];
    entry = {id, std::move(value)};
    return entry.value;
  }

  /// The id may be there or not.
  void erase(uint64_t id) {
    size_t hole = placeOf(id);
    if (entries[hole].id == kNone)
      return;
    // Those behind it that could not have their own place come nearer to it.
    for (size_t i = next(hole); entries[i].id != kNone; i = next(i))
      if (distance(homeOf(entries[i].id), i) >= distance(hole, i)) {
        entries[hole] = std::move(entries[i]);
        hole = i;
      }
    entries[hole] = {};
    --count;
  }

  void clear() { *this = {}; }
  size_t size() const { return count; }
  bool empty() const { return count == 0; }

private:
  static constexpr uint64_t kNone = UINT64_MAX;
  struct Entry {
    uint64_t id = kNone;
    Value value = {};
  };

  size_t next(size_t place) const { return (place + 1) & (entries.size() - 1); }
  size_t distance(size_t from, size_t to) const { return (to - from) & (entries.size() - 1); }
  /// Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): neighbouring ids come far from each other, so
  /// that old ones do not lie in runs of new ones.
  size_t homeOf(uint64_t id) const {
    return size_t(id * 0x9e3779b97f4a7c15 >> (64 - std::countr_zero(entries.size())));
  }
  /// Where the id is, or would be.
  size_t placeOf(uint64_t id) const {
    size_t place = homeOf(id);
    while (entries[place].id != id && entries[place].id != kNone)
      place = next(place);
    return place;
  }
  void grow() {
    std::vector<Entry> old = std::exchange(entries, std::vector<Entry>(2 * entries.size()));
    for (Entry &each : old)
      if (each.id != kNone)
        entries[placeOf(each.id)] = std::move(each);
  }

  /// As many as a power of two, half of them without an id at least.
  std::vector<Entry> entries = std::vector<Entry>(16);
  size_t count = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_IDMAP_H
