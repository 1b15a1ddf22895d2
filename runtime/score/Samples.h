//===- Samples.h - From the lines of a data file to samples ------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SCORE_SAMPLES_H
#define QUIPU_RUNTIME_SCORE_SAMPLES_H

#include "runtime/score/DataFile.h"
#include "runtime/score/Sample.h"
#include "runtime/score/TextEncoder.h"

#include <span>
#include <string>
#include <vector>

namespace quipu {

/// The greatest number of ids of a text, and what to say of a longer one.
struct LengthLimit {
  size_t tokens = 0;
  /// What sets the limit, and what to do: "the plan was compiled for sequences of at most 512 tokens; ...".
  std::string reason;
  /// Leave longer samples out, and count them.
  bool skip = false;
};

struct SampleSet {
  std::vector<Sample> samples;
  /// Samples that were left out because they are too long.
  size_t skipped = 0;
};

/// All lines as samples, in order. `name`: the file in messages. Throws Error that names the line if a sample is too
/// long, or if nothing of it is scored; and if no sample is left.
SampleSet makeSamples(std::span<const DataLine> lines, const std::string &name, const TextEncoder &encoder,
                      const LengthLimit &limit);

} // namespace quipu

#endif // QUIPU_RUNTIME_SCORE_SAMPLES_H
