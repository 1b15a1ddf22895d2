//===- Logits.h - Rows of logits: the choice, and what is no number ---------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_LOGITS_H
#define QUIPU_RUNTIME_CORE_LOGITS_H

#include "runtime/abi/plan_generated.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace quipu {

/// Throws Error: no token may be chosen.
[[noreturn]] void failForChoice();

/// Number of the largest logit; of equal ones the first. NaNs do not count. Throws Error if all are NaN or minus
/// infinity.
int32_t mostLikely(std::span<const float> logits);

/// Natural logarithm of the probability of `token` by the softmax of the logits, which are finite.
float logProbability(std::span<const float> logits, int32_t token);

/// Log-probabilities of several tokens of one row, which is finite. They are what logProbability gives.
class LogSoftmax {
public:
  explicit LogSoftmax(std::span<const float> logits);
  float of(int32_t token) const { return float(double(logits[size_t(token)]) - largest - logSum); }

private:
  std::span<const float> logits;
  double largest, logSum;
};

/// The `count` most likely tokens, or all if there are fewer. The most likely comes first, of equals the lower id.
std::vector<int32_t> mostLikely(std::span<const float> logits, size_t count);

/// Whether no logit is NaN or infinite.
bool allFinite(std::span<const float> logits);

/// Whether a token was chosen in each row. A row with NaN or infinity has -1.
bool allChosen(std::span<const int32_t> tokens);

/// Throws Error for a log_prob that is NaN or infinite. `position`, `sequence`: see FiniteCheck::look.
void requireFiniteScore(float score, uint64_t position, size_t sequence, const plan::Plan &plan);

/// Throws Error: the row at `position` has logits that are NaN or infinite, and they are gone.
[[noreturn]] void failForLogits(uint64_t position, const plan::Plan &plan);

/// Looks for logits that are NaN or infinite. A single one shows that the model's arithmetic has failed. Then a token
/// that is chosen from this row means nothing.
class FiniteCheck {
public:
  /// `position`: position of the row's token in its sequence, from 0. `sequence`: number of the sequence in the step.
  void look(std::span<const float> logits, uint64_t position, size_t sequence = 0);

  bool passed() const { return badRows == 0; }

  /// Throws Error unless all logits so far are finite. The message says where they are not, how many, and what to try
  /// with a model of this plan.
  void require(const plan::Plan &plan) const;

private:
  uint64_t badRows = 0;
  /// The first row with such logits.
  uint64_t position = 0, vocab = 0, nans = 0, infinities = 0, firstToken = 0;
  size_t sequence = 0, lastSequence = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_LOGITS_H
