//===- Windows.cpp - Perplexity of a text that is longer than the context ----------------===//

#include "runtime/score/Windows.h"

#include <algorithm>

namespace quipu {

std::vector<Window> slidingWindows(size_t tokens, size_t length, size_t stride) {
  std::vector<Window> windows;
  size_t seen = 0;
  for (size_t begin = 0; seen < tokens; begin += stride) {
    size_t end = std::min(begin + length, tokens);
    windows.push_back({begin, end, seen});
    seen = end;
  }
  return windows;
}

ScoredText textOf(const Window &window, std::span<const int32_t> ids) {
  std::span<const int32_t> own = ids.subspan(window.begin, window.end - window.begin);
  ScoredText text;
  text.ids.assign(own.begin(), own.end());
  text.scored.resize(own.size());
  for (size_t i = std::max<size_t>(window.fresh - window.begin, 1); i < own.size(); ++i)
    text.scored[i] = true;
  return text;
}

double guideLoss(std::span<const Window> windows, std::span<const LogProbabilities> scores) {
  double sum = 0, weights = 0;
  for (size_t i = 0; i < windows.size(); ++i) {
    // A window of one new token may have no scored one; it has no weight.
    if (scores[i].empty())
      continue;
    double weight = double(windows[i].end - windows[i].fresh) - 1;
    sum -= sumOf(scores[i]) / double(scores[i].size()) * weight;
    weights += weight;
  }
  return sum / weights;
}

} // namespace quipu
