//===- Suggestion.cpp - "Did you mean" ---------------------------------------------------===//

#include "tools/common/Suggestion.h"

#include <algorithm>

namespace quipu::tool {

/// Number of steps from one word to the other. A step inserts, drops or changes a letter, or swaps it with its
/// neighbour.
static size_t distance(const std::string &from, const std::string &to) {
  // Rows of the table for the last two letters of `from`, and this one.
  std::vector<size_t> before, last(to.size() + 1), row(to.size() + 1);
  for (size_t j = 0; j <= to.size(); ++j)
    last[j] = j;
  for (size_t i = 1; i <= from.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      size_t change = last[j - 1] + (from[i - 1] != to[j - 1]);
      row[j] = std::min({change, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[to.size()];
}

std::string nearest(const std::string &word, const std::vector<std::string> &candidates) {
  // One wrong letter in three is a typing error. More wrong letters mean another word.
  size_t best = std::max<size_t>(word.size() / 3, 1) + 1;
  std::string found;
  for (const std::string &candidate : candidates) {
    size_t letters = distance(word, candidate);
    if (letters < best && letters < candidate.size()) {
      best = letters;
      found = candidate;
    }
  }
  if (!found.empty() || word.size() < 3)
    return found;
  for (const std::string &candidate : candidates)
    if (candidate.starts_with(word)) {
      if (!found.empty())
        return "";
      found = candidate;
    }
  return found;
}

std::string didYouMean(const std::string &word, const std::vector<std::string> &candidates) {
  std::string found = nearest(word, candidates);
  return found.empty() ? "" : "; did you mean " + found + "?";
}

} // namespace quipu::tool
