//===- Sample.cpp - What is scored, and what comes of it ---------------------------------===//

#include "runtime/score/Sample.h"

#include <algorithm>

namespace quipu {

size_t ScoredText::scoredCount() const { return size_t(std::ranges::count(scored, true)); }

double sumOf(const LogProbabilities &values) {
  double sum = 0;
  for (float value : values)
    sum += double(value);
  return sum;
}

} // namespace quipu
