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

  /// The share that it reaches of what bounds it: the ceiling of memory or of arithmetic, by which is
  /// nearer. 0 where neither is known.
  double ofCeiling(double ceilingBytes, double ceilingOperations) const;
};

/// A step that was run several times.
struct StepProfile {
  LaunchRows rows;
  std::vector<ProfileLine> lines;
  Statistics whole;
  /// What lies between the kernels: what the medians of the lines leave of the whole's. Negative where kernels overlap,
  /// and by a little where runs scatter.
  double between = 0;

  static StepProfile of(const plan::Plan &plan, const StepTimes &times);
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_STEPPROFILE_H
