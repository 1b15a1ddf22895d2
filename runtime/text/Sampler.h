//===- Sampler.h - From options to the rule by which tokens are chosen ------*- C++ -*-===//
//
// Steps in this order (as Hugging Face's processors): repeat penalty, temperature, top-k, softmax, top-p, min-p,
// draw. The generator of random numbers is fixed, so that the same seed and the same logits give the same tokens on
// every machine.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TEXT_SAMPLER_H
#define QUIPU_RUNTIME_TEXT_SAMPLER_H

#include "runtime/abi/SampleRule.h"
#include "runtime/core/TokenChooser.h"

#include <cstdint>
#include <span>

namespace quipu {

struct SamplingOptions {
  /// 0: the most likely token (the lowest id of equals), whatever the options below it but repeatPenalty say.
  float temperature = 0.8f;
  /// Keep the K most likely tokens (of equals the lower id); 0: all.
  uint32_t topK = 0;
  /// Keep the smallest set of most likely tokens whose probabilities sum to P or more; 1: all.
  float topP = 1.0f;
  /// Keep the tokens at least P times as likely as the most likely one; 0: all.
  float minP = 0.0f;
  /// Logits of the tokens seen among the last repeatWindow (prompt included) are divided by it when positive and
  /// multiplied when negative; 1: off.
  float repeatPenalty = 1.0f;
  uint32_t repeatWindow = 64;
  uint64_t seed = 0;

  /// Throws Error naming the option whose value makes no sense (negative, NaN, P outside [0, 1] ...).
  void check() const;
};

/// A rule with the tokens seen so far and a generator of random numbers.
class Sampler {
public:
  /// Checks the options.
  explicit Sampler(const SamplingOptions &options);

  /// Whether the most likely token is chosen.
  bool isGreedy() const { return seen.rule.scale == 0; }
  /// Whether nothing but the logits themselves decides.
  bool isPlainGreedy() const { return isGreedy() && seen.rule.window == 0; }

  /// Notes a token for the repeat penalty: the prompt's, and each chosen one that is kept.
  void accept(int32_t token) { seen.accept(token); }

  /// Chooses a token; does not accept() it. Throws Error when every logit is NaN or -inf.
  int32_t sample(std::span<const float> logits);

  /// For a session that chooses as sample() does, with the random numbers of this sampler, which must stay alive. A
  /// session that runs ahead takes some that nobody uses: afterwards other tokens would be drawn here.
  TokenSampling rule();

private:
  double uniform();

  uint64_t state[4];
  /// The rule and the ring of the tokens seen last, without random numbers.
  TokenSampling seen;
  TokenChooser chooser;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_SAMPLER_H
