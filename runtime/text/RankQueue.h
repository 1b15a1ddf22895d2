//===- RankQueue.h - Places by rank -----------------------------------*- C++ -*-===//
//
// A heap of millions of places misses the processor's cache at each level. Ranks are few, so each has a list of its
// places here: what is found while other ranks are at work is put at the end of its list, and a list is sorted when its
// turn comes.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TEXT_RANKQUEUE_H
#define QUIPU_RUNTIME_TEXT_RANKQUEUE_H

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace quipu {

/// Gives the place of the lowest rank first, of several the lowest place.
class RankQueue {
public:
  struct Entry {
    uint32_t rank;
    uint32_t place;
  };

  /// `ranks`: one more than the largest rank.
  explicit RankQueue(uint32_t ranks) : lists(ranks) {}

  bool empty() const { return waiting.empty(); }

  void push(Entry entry) {
    List &list = lists[entry.rank];
    if (!list.isWaiting)
      waiting.push(entry.rank);
    list.isWaiting = true;
    if (list.isOpen) {
      list.late.push_back(entry.place);
      std::ranges::push_heap(list.late, std::greater<>());
      return;
    }
    list.isSorted &= list.places.empty() || list.places.back() < entry.place;
    list.places.push_back(entry.place);
  }

  /// There must be one.
  Entry pop() {
    uint32_t rank = waiting.top();
    List &list = lists[rank];
    if (!list.isOpen && !list.isSorted)
      std::ranges::sort(list.places);
    list.isOpen = true;
    bool hasPlaces = list.next < list.places.size();
    uint32_t place;
    if (!list.late.empty() && (!hasPlaces || list.late.front() < list.places[list.next])) {
      place = list.late.front();
      std::ranges::pop_heap(list.late, std::greater<>());
      list.late.pop_back();
    } else {
      place = list.places[list.next++];
    }
    if (list.next == list.places.size() && list.late.empty()) {
      waiting.pop();
      list = List();
    }
    return {rank, place};
  }

private:
  struct List {
    /// Those from `next` on are left.
    std::vector<uint32_t> places;
    size_t next = 0;
    /// A heap of what came after the list was sorted.
    std::vector<uint32_t> late;
    bool isWaiting = false, isOpen = false, isSorted = true;
  };

  std::vector<List> lists;
  /// The ranks that have places.
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> waiting;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_RANKQUEUE_H
