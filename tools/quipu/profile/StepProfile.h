//===- StepProfile.h - Where the time of a step goes ------------------------*- C++ -*-===//
//
// Launches of one kernel entry at the same place of every layer are one line. Times are those of the observed runs
// (StepTimes.h); the whole is that of runs that nobody observes. Waiting is measured too, so that lines, waiting and
// whole check each other.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_PROFILE_STEPPROFILE_H
#define QUIPU_TOOLS_QUIPU_PROFILE_STEPPROFILE_H

#include "runtime/core/Session.h"
#include "tools/quipu/bench/Statistics.h"
#include "tools/quipu/bench/Work.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace quipu::tool {

/// All launches of one entry of a kernel at one place of every layer.
struct ProfileLine {
  std::string entry;
  /// "layers.*.mlp.down_proj".
  std::string place;
  std::string kernel;
  size_t launches = 0;
  /// Of all launches together. On a CPU the mean of the threads, each by itself.
  Statistics seconds = {};
  /// Medians of each track.
  std::vector<double> trackSeconds = {};
  /// The median of how long a thread waits at the end of these launches, since others are not ready. It is not in
  /// `seconds`.
  double imbalance = 0;
  Work work = {};
  HardwareCounts counts = {};

  /// The shortest time in which the device could do the work. 0 if no ceiling that matters is known.
  double leastSeconds(double ceilingBytes, double ceilingOperations) const;
  /// The share of the ceiling that it reaches. It is the ceiling of memory or of arithmetic, whose share is greater. 0
  /// if neither is known.
  double ofCeiling(double ceilingBytes, double ceilingOperations) const;
};

/// The work of one launch in a step of these rows. Of a kernel's entries one has all of it.
Work workOf(const plan::Plan &plan, const LaunchTime &launch, const LaunchRows &rows);

/// Seconds in which tracks do no work of a launch. Medians, on a CPU of the mean of the threads.
struct Waiting {
  /// For threads that are slower.
  double imbalance = 0;
  /// From the end of the slowest thread until all have begun the next launch.
  double barriers = 0;
  /// Until threads have begun the first launch, and from the end of the last one until the caller goes on.
  double edges = 0;
  /// Of a GPU: the time in which launches overlap, as a negative number.
  double overlap = 0;

  double total() const { return imbalance + barriers + edges + overlap; }
};

/// How several measured steps become one profile.
enum class Steps {
  /// Launches for parts of one prompt, one after the other: a profile of all of it.
  Together,
  /// The same step at several positions: the profile of one, over more runs.
  Alike
};

struct StepProfile {
  /// Rows and rows of logits of what the times are of.
  uint64_t rows = 0, outputs = 0;
  /// Names of the plan's programs.
  std::vector<std::string> programs;
  /// In the order in which they run.
  std::vector<ProfileLine> lines;
  size_t tracks = 1;
  /// Whether tracks are threads of a CPU.
  bool onThreads = false;
  /// Runs of each kind.
  size_t runs = 0;
  Waiting waiting;
  /// The whole as it always runs, and observed.
  Statistics whole, observed;
  bool hasCounts = false;
  std::string countersProblem;

  /// The sum of the lines' medians.
  double stepSeconds() const;

  static StepProfile of(const plan::Plan &plan, std::span<const StepTimes> times, Steps steps);
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PROFILE_STEPPROFILE_H
