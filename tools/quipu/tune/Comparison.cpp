//===- Comparison.cpp - Whether a schedule is faster --------------------------------------===//

#include "tools/quipu/tune/Comparison.h"

#include "tools/quipu/bench/Statistics.h"

#include <algorithm>

namespace quipu::tool {

void Comparison::add(double secondsBefore, double secondsAfter) {
  beforeSeconds.push_back(secondsBefore);
  ratios.push_back(secondsBefore > 0 ? secondsAfter / secondsBefore : 1);
}

double Comparison::ratio() const { return ratios.empty() ? 1 : Statistics::of(ratios).median; }

double Comparison::spread() const {
  if (ratios.size() < 2)
    return 1;
  std::vector<double> sorted = ratios;
  std::sort(sorted.begin(), sorted.end());
  size_t quarter = sorted.size() / 4;
  return (sorted[sorted.size() - 1 - quarter] - sorted[quarter]) / 2;
}

bool Comparison::isBetterThan(double best) const { return best - ratio() > std::max(spread(), kLeastGain); }

double Comparison::before() const { return Statistics::of(beforeSeconds).median; }
double Comparison::after() const { return before() * ratio(); }

} // namespace quipu::tool
