//===- TokenChooser.h - Tokens chosen on the host ---------------------------*- C++ -*-===//
//
// What a device's sampler does, for devices that have none, and for rules beyond what it takes. All arithmetic is in
// double with an exponential of our own, so that the same number draws the same token on every machine.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_TOKENCHOOSER_H
#define QUIPU_RUNTIME_CORE_TOKENCHOOSER_H

#include "runtime/abi/SampleRule.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace quipu {

/// Draws tokens, one at a time.
class TokenChooser {
public:
  /// The token that is chosen from `logits`: the most likely one, or a drawn one. `uniform`: a random number in [0, 1),
  /// in place of the sampling's own. Throws Error if every logit is NaN or minus infinity.
  int32_t choose(std::span<const float> logits, const TokenSampling &sampling, double uniform);

private:
  struct Candidate {
    double value;
    int32_t token;
  };
  void keepMostLikely(size_t count);
  void keepProbable(double share);

  // Working memory, kept between calls.
  std::vector<float> edited, adjusted;
  std::vector<Candidate> candidates;

  static bool isLikelier(const Candidate &a, const Candidate &b) {
    return a.value != b.value ? a.value > b.value : a.token < b.token;
  }
  static bool hasLowerToken(const Candidate &a, const Candidate &b) { return a.token < b.token; }
};

/// Chooses the tokens of several rows, step after step.
class RowChooser {
public:
  /// How the token of each row is drawn. Empty: the most likely tokens are chosen.
  void start(std::span<const TokenSampling *const> samplings);

  /// The token of each row of `vocab` logits. It is -1 if some of the row's logits are NaN or infinite. The result is
  /// valid until the next call.
  std::span<const int32_t> choose(const float *logits, size_t rows, size_t vocab);

private:
  TokenChooser chooser;
  std::vector<TokenSampling> rules;
  std::vector<int32_t> tokens;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_TOKENCHOOSER_H
