//===- Work.h - Bytes and operations of steps -------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_WORK_H
#define QUIPU_TOOLS_QUIPU_BENCH_WORK_H

#include "runtime/core/Session.h"

#include <cstdint>
#include <span>
#include <vector>

namespace quipu::tool {

/// The bytes to read and the operations to compute, as the plan's kernels state them.
struct Work {
  /// Bytes of weights, read once for each launch.
  double weightBytes = 0;
  /// Bytes of cached keys and values, read once for each launch and sequence.
  double cacheBytes = 0;
  /// Bytes of activations that are read and written. Most of them stay in caches.
  double activationBytes = 0;
  double operations = 0;

  /// What must come from memory. Results are held against the ceiling by it.
  double bytes() const { return weightBytes + cacheBytes; }
  double allBytes() const { return bytes() + activationBytes; }

  Work &operator+=(const Work &other) {
    weightBytes += other.weightBytes;
    cacheBytes += other.cacheBytes;
    activationBytes += other.activationBytes;
    operations += other.operations;
    return *this;
  }
  Work operator*(double factor) const {
    return {weightBytes * factor, cacheBytes * factor, activationBytes * factor, operations * factor};
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

/// A program of the list that the runtime may choose for a launch of so many rows. Null if none fits.
const plan::Program *programFor(std::span<const plan::Program *const> programs, uint64_t rows);

/// The work of all kernels in a launch. Nothing if no program fits the launch.
Work launchWork(const Model &model, const LaunchRows &rows);

/// The work of a prompt of `tokens` tokens in each of `sequences` sequences, behind `depth` positions.
Work promptWork(const Model &model, uint64_t sequences, uint64_t depth, uint64_t tokens, uint64_t chunk,
                bool scored = false);
/// The work of `tokens` steps with one token of each sequence.
Work generationWork(const Model &model, uint64_t sequences, uint64_t depth, uint64_t tokens);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_WORK_H
