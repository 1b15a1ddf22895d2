//===- Comparison.h - Whether a schedule is faster --------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_TUNE_COMPARISON_H
#define QUIPU_TOOLS_QUIPU_TUNE_COMPARISON_H

#include <string>
#include <vector>

namespace quipu::tool {

/// Times of a kernel with two schedules that were measured in turns, so that other load on the machine affects both.
class Comparison {
public:
  void add(double secondsBefore, double secondsAfter);

  /// The median of the new time's share of the old one, and half of how far the middle half of them lies apart.
  double ratio() const;
  double spread() const;

  /// Whether the new schedule is faster than one that has `best` of the old time: by more than the spread, and by more
  /// than kLeastGain.
  bool isBetterThan(double best) const;

  /// The median of the old times in seconds; and what ratio() makes of it, since a median of the new times alone could
  /// come from other moments of a machine whose pace changes, and contradict the ratio.
  double before() const;
  double after() const;

  /// Gains below this share are not worth a difference from the chosen schedule.
  static constexpr double kLeastGain = 0.02;

private:
  std::vector<double> beforeSeconds, ratios;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_TUNE_COMPARISON_H
