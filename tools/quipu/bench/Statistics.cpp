//===- Statistics.cpp - What repeated measurements say -----------------------------------===//

#include "tools/quipu/bench/Statistics.h"

#include <algorithm>
#include <cmath>

namespace quipu::tool {

Statistics Statistics::of(std::vector<double> values) {
  Statistics result;
  if (values.empty())
    return result;
  std::sort(values.begin(), values.end());
  size_t count = values.size();
  result.min = values.front();
  result.max = values.back();
  result.median = (values[(count - 1) / 2] + values[count / 2]) / 2;
  for (double value : values)
    result.mean += value / double(count);
  if (count > 1) {
    double squares = 0;
    for (double value : values)
      squares += (value - result.mean) * (value - result.mean);
    result.deviation = std::sqrt(squares / double(count - 1));
  }
  return result;
}

} // namespace quipu::tool
