//===- Statistics.h - What repeated measurements say ------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_STATISTICS_H
#define QUIPU_TOOLS_QUIPU_BENCH_STATISTICS_H

#include <vector>

namespace quipu::tool {

/// Statistics of a number that was measured several times.
struct Statistics {
  double mean = 0, median = 0, min = 0, max = 0;
  /// The standard deviation. 0 for a single value.
  double deviation = 0;

  /// How far the values lie apart, as a share of the median. 0 if the median is 0.
  double scatter() const { return median > 0 ? (max - min) / median : 0; }

  /// All zero without values.
  static Statistics of(std::vector<double> values);
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_STATISTICS_H
