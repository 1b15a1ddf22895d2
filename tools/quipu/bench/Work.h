//===- Work.h - Bytes and operations of steps -------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_WORK_H
#define QUIPU_TOOLS_QUIPU_BENCH_WORK_H

#include "runtime/core/Session.h"

#include <cstdint>
#include <vector>

namespace quipu::tool {

/// What has to be read and computed, as the plan's kernels state it.
struct Work {
  /// Weights (once a launch, however many rows) and cached keys and values (once a launch and sequence).
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

/// Keys that `rows` see, each its own and those before it within the window (0: all of them), in all.
double keysSeen(const SequenceRows &rows, uint64_t window);
/// Keys that at least one of the rows sees.
double keysRead(const SequenceRows &rows, uint64_t window);

/// The work of one kernel in a launch.
Work kernelWork(const plan::Kernel &kernel, const LaunchRows &rows);

/// The launches for `tokens` new tokens of each of `sequences` sequences that hold `depth` already: at most `chunk`
/// rows each. The logits of each sequence's last token are wanted.
std::vector<LaunchRows> launchesOf(uint64_t sequences, uint64_t depth, uint64_t tokens, uint64_t chunk);

/// The work of all kernels in a launch; none when no program takes it.
Work launchWork(const Model &model, const LaunchRows &rows);

/// The work of a prompt of `tokens` in each of `sequences` sequences behind `depth` positions.
Work promptWork(const Model &model, uint64_t sequences, uint64_t depth, uint64_t tokens, uint64_t chunk);
/// The work of `tokens` steps with one token of each sequence.
Work generationWork(const Model &model, uint64_t sequences, uint64_t depth, uint64_t tokens);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_WORK_H
