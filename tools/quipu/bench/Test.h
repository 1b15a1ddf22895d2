//===- Test.h - One thing that bench measures -------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_TEST_H
#define QUIPU_TOOLS_QUIPU_BENCH_TEST_H

#include "tools/quipu/bench/Statistics.h"
#include "tools/quipu/bench/Work.h"
#include "tools/quipu/profile/StepProfile.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

/// A prompt, generation, or one after the other, in each of some sequences. Or tokens that are scored: each gives the
/// probability of the next one.
struct BenchTest {
  /// Tokens of each sequence; 0: no such part.
  uint32_t prompt = 0, generated = 0;
  /// Positions that each sequence holds before.
  uint32_t depth = 0;
  /// Sequences.
  uint32_t batch = 1;
  uint32_t scored = 0;

  /// "pp512", "tg128@d4096", "pp512+tg128 b8", "sc512".
  std::string name() const;
  /// Positions of a sequence at its end.
  uint64_t positions() const { return uint64_t(depth) + prompt + generated + scored; }
  /// Tokens of all sequences.
  uint64_t tokens() const { return (uint64_t(prompt) + generated + scored) * batch; }
};

/// The values to measure, as lists. Every combination is measured.
struct BenchLists {
  std::vector<uint32_t> prompts = {512}, generated = {128}, depths = {0}, batches = {1};
  /// Prompt and generated tokens of tests that are measured as one.
  std::vector<std::pair<uint32_t, uint32_t>> pairs;
  std::vector<uint32_t> scored = {};
};
std::vector<BenchTest> testsOf(const BenchLists &lists);

/// The results of a test, and the setting.
struct BenchRow {
  BenchTest test;
  unsigned threads = 0;
  /// Tokens of all sequences per second: for each run, and statistics over the runs.
  std::vector<double> runs;
  Statistics rate;
  /// The work of one token.
  Work work;
  /// Whether the device's memory limits it. Otherwise arithmetic does. This limit is shown.
  bool isMemoryBound = false;
  /// A step of the test, kernel by kernel.
  std::optional<StepProfile> profile;

  /// The best of all ceilings that were measured until the test had ended, per second. 0: not measured.
  double ceilingBytes = 0, ceilingOperations = 0;
  /// How much of its limit the test reaches: each run is divided by the better of the ceilings that were measured just
  /// before and just after it, and the median counts. Nothing if the limit was not measured.
  std::optional<double> ofCeiling;
};

/// If runs differ by more than this share of their median, they say little.
inline constexpr double kMostScatter = 0.10;

/// A sentence for runs that differ by more. Empty for others.
std::string scatterWarning(const BenchRow &row);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_TEST_H
