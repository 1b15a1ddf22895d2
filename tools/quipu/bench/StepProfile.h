//===- StepProfile.h - Where the time of a step goes ------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_STEPPROFILE_H
#define QUIPU_TOOLS_QUIPU_BENCH_STEPPROFILE_H

#include "runtime/core/Session.h"
#include "tools/quipu/bench/Statistics.h"
#include "tools/quipu/bench/Work.h"

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::tool {

/// All launches of one entry of a kernel at one place of every layer.
struct ProfileLine {
  std::string entry;
  /// "layers.{}.mlp.down_proj".
  std::string place;
  std::string kernel;
  size_t launches = 0;
  /// Of all launches together.
  Statistics seconds = {};
  Work work = {};

  /// The share of the ceiling that it reaches. It is the ceiling of memory or of arithmetic, whose share is greater. 0
  /// if neither is known.
  double ofCeiling(double ceilingBytes, double ceilingOperations) const;
};

/// A step that was run several times.
struct StepProfile {
  LaunchRows rows;
  std::vector<ProfileLine> lines;
  Statistics whole;
  /// Seconds between the kernels: the median of the whole less the medians of the lines. It is negative if kernels
  /// overlap. It may be slightly negative because runs differ.
  double between = 0;

  static StepProfile of(const plan::Plan &plan, const StepTimes &times);
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_STEPPROFILE_H
