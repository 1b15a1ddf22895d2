//===- Sample.h - What is scored, and what comes of it ----------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SCORE_SAMPLE_H
#define QUIPU_RUNTIME_SCORE_SAMPLE_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace quipu {

/// The ids of a text, and which of them are scored.
struct ScoredText {
  std::vector<int32_t> ids;
  /// scored[i]: whether the probability of ids[i] behind the ids in front of it counts. Never true for the first id,
  /// because nothing stands in front of it.
  std::vector<bool> scored;

  /// Number of ids that are scored.
  size_t scoredCount() const;
};

/// A sample of a data file as ids.
struct Sample {
  /// Number of the sample in its file, from 0, and of its line, from 1.
  size_t index = 0, line = 0;
  /// One text. A question has one for each of its choices.
  std::vector<ScoredText> texts = {};
  /// Of a question only: the bytes of each choice, and the number of the right one.
  std::vector<size_t> choiceBytes = {};
  size_t answer = 0;

  bool isQuestion() const { return !choiceBytes.empty(); }
  /// The text whose loss is the loss of the sample: of a question it is the right choice.
  const ScoredText &mainText() const { return texts[answer]; }
};

/// Natural logarithms of the probabilities of a text's scored ids, in order.
using LogProbabilities = std::vector<float>;

/// The sum, in double precision and in the order of the ids, so that it is the same whenever it is computed.
double sumOf(const LogProbabilities &values);

/// What was computed for a sample: one entry for each of its texts.
struct SampleScore {
  std::vector<LogProbabilities> texts;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SCORE_SAMPLE_H
