//===- LineDiff.cpp - What differs between two lists of lines ----------------------------===//
//
// A longest common subsequence, by the table of all pairs. The lists are folded functions of some hundred lines.
//
//===----------------------------------------------------------------------------------===//

#include "tools/quipu/inspect/LineDiff.h"

#include <algorithm>
#include <cstdint>

namespace quipu::tool {

/// All lines of both lists, in order, each with its mark.
static std::vector<std::string> markedLines(const std::vector<std::string> &before,
                                            const std::vector<std::string> &after) {
  size_t columns = after.size() + 1;
  // common[i * columns + j]: how many lines the rest of `before` from i on and of `after` from j on have in common.
  std::vector<uint32_t> common((before.size() + 1) * columns, 0);
  for (size_t i = before.size(); i-- > 0;)
    for (size_t j = after.size(); j-- > 0;)
      common[i * columns + j] = before[i] == after[j]
                                    ? common[(i + 1) * columns + j + 1] + 1
                                    : std::max(common[(i + 1) * columns + j], common[i * columns + j + 1]);
  std::vector<std::string> lines;
  size_t i = 0, j = 0;
  while (i < before.size() || j < after.size()) {
    if (i < before.size() && j < after.size() && before[i] == after[j]) {
      lines.push_back(" " + before[i++]);
      ++j;
    } else if (j == after.size() ||
               (i < before.size() && common[(i + 1) * columns + j] >= common[i * columns + j + 1])) {
      lines.push_back("-" + before[i++]);
    } else {
      lines.push_back("+" + after[j++]);
    }
  }
  return lines;
}

std::vector<DiffHunk> diffLines(const std::vector<std::string> &before, const std::vector<std::string> &after,
                                size_t context) {
  std::vector<std::string> lines = markedLines(before, after);
  std::vector<DiffHunk> hunks;
  // The end of the lines that are shown so far, and how many lines of each list stand in front of it.
  size_t shown = 0, beforeShown = 0, afterShown = 0;
  auto take = [&](size_t end, DiffHunk *hunk) {
    for (; shown < end; ++shown) {
      size_t isBefore = lines[shown][0] != '+', isAfter = lines[shown][0] != '-';
      beforeShown += isBefore;
      afterShown += isAfter;
      if (!hunk)
        continue;
      hunk->linesBefore += isBefore;
      hunk->linesAfter += isAfter;
      hunk->lines.push_back(lines[shown]);
    }
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i][0] == ' ')
      continue;
    size_t first = i > context ? i - context : 0;
    if (hunks.empty() || first > shown) {
      take(std::max(first, shown), nullptr);
      hunks.emplace_back();
      hunks.back().before = beforeShown + 1;
      hunks.back().after = afterShown + 1;
    }
    // Lines behind this one that are equal belong to the hunk too, up to the next one that differs.
    size_t end = i + 1;
    while (end < lines.size() && end <= i + context && lines[end][0] == ' ')
      ++end;
    take(end, &hunks.back());
  }
  for (DiffHunk &hunk : hunks) {
    hunk.before -= hunk.linesBefore == 0;
    hunk.after -= hunk.linesAfter == 0;
  }
  return hunks;
}

} // namespace quipu::tool
