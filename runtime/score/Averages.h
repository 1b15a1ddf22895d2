//===- Averages.h - Two means of a loss ----------------------------------------*- C++ -*-===//
//
// A sample i has n_i scored tokens, and their negative log-probabilities sum to s_i. Two means are in use:
//
//   over tokens:  (s_1 + ... + s_S) / (n_1 + ... + n_S). Sample i has the weight n_i / (n_1 + ... + n_S).
//   over samples: (s_1 / n_1 + ... + s_S / n_S) / S.     Each sample has the weight 1 / S.
//
// docs/scoring.md works out by numbers what that does to short answers.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SCORE_AVERAGES_H
#define QUIPU_RUNTIME_SCORE_AVERAGES_H

#include <cstddef>

namespace quipu {

class LossAverages {
public:
  /// Adds a sample by the number of its scored tokens, at least one, and the sum of their log-probabilities.
  void add(size_t tokens, double logProbability);

  size_t samples() const { return sampleCount; }
  size_t tokens() const { return tokenCount; }
  /// The two means, in nats. There must be a sample.
  double tokenMean() const { return negativeSum / double(tokenCount); }
  double sampleMean() const { return meansSum / double(sampleCount); }
  /// The weight of a sample of `count` tokens in the mean over tokens, and of any sample in the mean over samples.
  double tokenWeight(size_t count) const { return double(count) / double(tokenCount); }
  double sampleWeight() const { return 1 / double(sampleCount); }

private:
  size_t sampleCount = 0, tokenCount = 0;
  double negativeSum = 0, meansSum = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_SCORE_AVERAGES_H
