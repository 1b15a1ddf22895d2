//===- Sampler.h - From logits to a token -----------------------------------*- C++ -*-===//
//
// Steps in this order (as Hugging Face's processors): repeat penalty, temperature, top-k, softmax, top-p, min-p,
// draw. All arithmetic is in double with an exponential of our own and the generator is fixed, so that the same seed
// and the same logits give the same tokens on every machine.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_TEXT_SAMPLER_H
#define QUIPU_RUNTIME_TEXT_SAMPLER_H

#include "runtime/abi/SampleRule.h"

#include <cstdint>
#include <span>
#include <vector>

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

class Sampler {
public:
  /// Checks the options.
  explicit Sampler(const SamplingOptions &options);

  /// Notes a token for the repeat penalty: the prompt's, and each sampled one that is kept.
  void accept(int32_t token);

  /// Draws a token; does not accept() it. Throws Error when every logit is NaN or -inf.
  int32_t sample(std::span<const float> logits);

  /// For a device that draws as sample() does, with the random numbers of this sampler, which must stay alive. A device
  /// that runs ahead takes some that nobody uses: afterwards other tokens would be drawn here.
  TokenSampling onDevice();

private:
  struct Candidate {
    double value;
    int32_t token;
  };

  double uniform();

  SamplingOptions options;
  uint64_t state[4];
  /// Ring of the last repeatWindow tokens.
  std::vector<int32_t> recent;
  size_t next = 0;
  // Working memory, kept between calls.
  std::vector<float> adjusted;
  std::vector<Candidate> candidates;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_TEXT_SAMPLER_H
