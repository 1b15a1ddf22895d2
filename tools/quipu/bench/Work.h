//===- Work.h - Bytes and operations of steps -------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_WORK_H
#define QUIPU_TOOLS_QUIPU_BENCH_WORK_H

#include "runtime/core/Session.h"

#include <cstdint>
#include <vector>

namespace quipu::tool {

/// The bytes to read and the operations to compute, as the plan's kernels state them.
struct Work {
  /// Bytes of weights (read once for each launch) and of cached keys and values (once for each launch and sequence).
  double bytes = 0;
  double operations = 0;

  Work &operator+=(const Work &other) {
    bytes += other.bytes;
    operations += other.operations;
    return *this;
  }
};

/// Rows of all sequences of a launch.
uint64_t rowsOf(const LaunchRows &rows);

/// The total number of keys that `rows` see. A row sees its own key and the keys before it within the window (0: all
/// keys).
double keysSeen(const SequenceRows &rows, uint64_t window);
/// Keys that at least one of the rows sees.
double keysRead(const SequenceRows &rows, uint64_t window);

/// The work of one kernel in a launch.
Work kernelWork(const plan::Kernel &kernel, const LaunchRows &rows);

/// The launches for `tokens` new tokens of each of `sequences` sequences, which already have `depth` tokens. A launch
/// has at most `chunk` rows. The logits of each sequence's last token are wanted; if they are scored, those of all.
std::vector<LaunchRows> launchesOf(uint64_t sequences, uint64_t depth, uint64_t tokens, uint64_t chunk,
                                   bool scored = false);

/// The work of all kernels in a launch. Nothing if no program fits the launch.
Work launchWork(const Model &model, const LaunchRows &rows);

/// The work of a prompt of `tokens` tokens in each of `sequences` sequences, behind `depth` positions.
Work promptWork(const Model &model, uint64_t sequences, uint64_t depth, uint64_t tokens, uint64_t chunk,
                bool scored = false);
/// The work of `tokens` steps with one token of each sequence.
Work generationWork(const Model &model, uint64_t sequences, uint64_t depth, uint64_t tokens);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_WORK_H
