//===- Difference.cpp - How far values lie from what is expected ----------===//

#include "tools/quipu-compile/validate/Difference.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <limits>

namespace quipu::tool {

Difference differenceOf(llvm::ArrayRef<float> expected, llvm::ArrayRef<float> found) {
  assert(expected.size() == found.size() && "values of one shape are compared");
  double greatest = 0, worst = -1;
  Difference difference;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!std::isnan(expected[i]))
      greatest = std::max(greatest, std::abs(double(expected[i])));
    double distance = expected[i] == found[i] || (std::isnan(expected[i]) && std::isnan(found[i]))
                          ? 0
                          : std::abs(double(expected[i]) - double(found[i]));
    if (std::isnan(distance))
      distance = std::numeric_limits<double>::infinity();
    if (distance <= worst)
      continue;
    worst = distance;
    difference.index = i;
    difference.expected = expected[i];
    difference.found = found[i];
  }
  // What should be 0 everywhere has no magnitude.
  difference.relative = worst <= 0 ? 0 : worst / std::max(greatest, double(std::numeric_limits<float>::min()));
  return difference;
}

std::string shortNumber(double value) {
  char text[32];
  snprintf(text, sizeof(text), "%.3g", value);
  return text;
}

} // namespace quipu::tool
