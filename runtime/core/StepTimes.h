//===- StepTimes.h - What a profile measures --------------------------------*- C++ -*-===//
//
// A profile runs a list of launches several times, in turns: as it always runs, and observed. Only observed runs note
// when each launch begins and ends. So the runs of all other callers cost nothing more, and the two kinds of runs say
// what observing costs.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_STEPTIMES_H
#define QUIPU_RUNTIME_CORE_STEPTIMES_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu {

/// When a track was busy with a launch, in seconds since the run began. A track is a thread of a CPU, or the stream of
/// a GPU.
struct TrackSpan {
  double begin = 0;
  double end = 0;

  double seconds() const { return end - begin; }
};

/// What the counters of a processor say of a launch, for all threads together.
enum class HardwareCounter { Cycles, Instructions, CacheMisses };
inline constexpr size_t kNumHardwareCounters = 3;
using HardwareCounts = std::array<double, kNumHardwareCounters>;

struct ProfileSetting {
  /// Runs of each kind, after a first one that is not measured.
  unsigned repeats = 1;
  /// Whether to read hardware counters, in runs of their own.
  bool counters = false;
};

/// Times of a list of launches.
struct ListTimes {
  size_t tracks = 1;
  /// Whether tracks are threads. Their spans are exact, and what lies between them is waiting.
  bool onThreads = false;
  /// Seconds of the whole list, [run]: as it always runs, and observed.
  std::vector<double> whole, observed;
  /// Seconds of the whole list, [run], if no launch may begin before the one in front has ended. Empty for devices on
  /// which none does.
  std::vector<double> apart;
  /// Of observed runs, [launch][run * tracks + track]. Empty for a launch without blocks.
  std::vector<std::vector<TrackSpan>> launches;
  /// The mean of a run, [launch]. Empty: nothing was counted.
  std::vector<HardwareCounts> counts;
  /// Why counters that were asked for could not be read.
  std::string countersProblem;
};

/// The rows of a launch that belong to one sequence: position of the first, and their number. Positions follow each
/// other.
struct SequenceRows {
  uint64_t position = 0;
  uint64_t count = 0;
};

/// The rows of a launch without padding, and how many rows of logits it gives.
struct LaunchRows {
  std::vector<SequenceRows> sequences;
  uint64_t outputs = 0;
};

/// Times of one launch of a kernel's entry, or of a copy.
struct LaunchTime {
  /// Place in the model ("layers.3.self_attn.q_proj"), and the same for all layers ("layers.{}.self_attn.q_proj").
  std::string location;
  std::string place;
  /// The kernel's entry, and the kernel's index in the plan. For a copy: "copy" and no index.
  std::string entry;
  std::optional<uint32_t> kernel;
  /// Of the observed runs, [run * tracks + track].
  std::vector<TrackSpan> spans = {};
  HardwareCounts counts = {};
};

/// Times of a step and of its launches.
struct StepTimes {
  LaunchRows rows;
  /// Of the plan's program.
  std::string program;
  /// In the order in which they run.
  std::vector<LaunchTime> launches;
  /// As in ListTimes.
  size_t tracks = 1;
  bool onThreads = false;
  std::vector<double> whole, observed, apart;
  bool hasCounts = false;
  std::string countersProblem;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_STEPTIMES_H
