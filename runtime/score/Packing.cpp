//===- Packing.cpp - Which texts run together ---------------------------------------------===//

#include "runtime/score/Packing.h"

#include <algorithm>
#include <numeric>

namespace quipu {

/// Packs the texts [begin, end) and appends the packs.
static void packRun(std::span<const size_t> lengths, size_t begin, size_t end, size_t capacity, size_t mostTexts,
                    std::vector<TextGroup> &packs) {
  std::vector<size_t> order(end - begin);
  std::iota(order.begin(), order.end(), begin);
  // Texts of one length stay in their order, so the packs are the same on every machine.
  std::ranges::sort(order,
                    [&](size_t a, size_t b) { return lengths[a] != lengths[b] ? lengths[a] > lengths[b] : a < b; });
  std::vector<TextGroup> run;
  std::vector<size_t> room;
  for (size_t text : order) {
    size_t pack = 0;
    while (pack < run.size() && (room[pack] < lengths[text] || run[pack].size() >= mostTexts))
      ++pack;
    if (pack == run.size()) {
      run.emplace_back();
      room.push_back(capacity);
    }
    run[pack].push_back(text);
    room[pack] -= lengths[text];
  }
  for (TextGroup &pack : run)
    std::ranges::sort(pack);
  std::ranges::sort(run, {}, [](const TextGroup &pack) { return pack.front(); });
  packs.insert(packs.end(), run.begin(), run.end());
}

std::vector<TextGroup> packTexts(std::span<const size_t> lengths, size_t capacity, size_t mostTexts) {
  std::vector<TextGroup> packs;
  for (size_t begin = 0; begin < lengths.size(); begin += kPackedTogether)
    packRun(lengths, begin, std::min(begin + kPackedTogether, lengths.size()), capacity, mostTexts, packs);
  return packs;
}

std::vector<TextGroup> groupTexts(std::span<const size_t> lengths, size_t mostTexts, size_t mostTokens) {
  std::vector<TextGroup> groups;
  size_t tokens = 0;
  for (size_t text = 0; text < lengths.size(); ++text) {
    bool fits = !groups.empty() && groups.back().size() < mostTexts && tokens + lengths[text] <= mostTokens;
    if (!fits) {
      groups.emplace_back();
      tokens = 0;
    }
    groups.back().push_back(text);
    tokens += lengths[text];
  }
  return groups;
}

std::vector<TextGroup> joinPacks(std::span<const TextGroup> packs, size_t count, size_t mostTexts) {
  std::vector<TextGroup> groups;
  size_t joined = 0;
  for (const TextGroup &pack : packs) {
    if (groups.empty() || joined == count || groups.back().size() + pack.size() > mostTexts) {
      groups.emplace_back();
      joined = 0;
    }
    groups.back().insert(groups.back().end(), pack.begin(), pack.end());
    ++joined;
  }
  return groups;
}

} // namespace quipu
