//===- Sampler.cpp - From options to the rule by which tokens are chosen -----------------===//

#include "runtime/text/Sampler.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace quipu {

void SamplingOptions::check() const {
  auto wrong = [](const char *name, float value, const char *expected) {
    fail("--", name, " ", value, ": expected ", expected);
  };
  // Written so that a NaN fails.
  if (!(temperature >= 0 && std::isfinite(temperature)))
    wrong("temperature", temperature, "0 (greedy) or a positive number");
  if (!(topP >= 0 && topP <= 1))
    wrong("top-p", topP, "a number from 0 to 1");
  if (!(minP >= 0 && minP <= 1))
    wrong("min-p", minP, "a number from 0 to 1");
  if (!(repeatPenalty > 0 && std::isfinite(repeatPenalty)))
    wrong("repeat-penalty", repeatPenalty, "a positive number (1: off)");
}

static uint64_t splitmix(uint64_t &x) {
  x += 0x9e3779b97f4a7c15;
  uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// The options as the rule by which tokens are chosen on every device.
static SampleRule ruleOf(const SamplingOptions &options) {
  SampleRule rule = {};
  if (options.temperature != 0) {
    rule.scale = 1 / double(options.temperature);
    constexpr double log2e = 1.4426950408889634;
    rule.scaleLog2 = float(std::min(rule.scale * log2e, double(std::numeric_limits<float>::max())));
  }
  rule.topP = double(options.topP);
  rule.minP = double(options.minP);
  rule.repeatPenalty = options.repeatPenalty;
  rule.topK = options.topK;
  // Without a penalty it does not matter which tokens there were.
  if (options.repeatPenalty != 1)
    rule.window = options.repeatWindow;
  return rule;
}

Sampler::Sampler(const SamplingOptions &options) {
  options.check();
  uint64_t seed = options.seed;
  for (uint64_t &word : state)
    word = splitmix(seed);
  seen.rule = ruleOf(options);
}

/// xoshiro256**, the upper 53 bits as a number in [0, 1).
double Sampler::uniform() {
  uint64_t result = std::rotl(state[1] * 5, 7) * 9;
  uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = std::rotl(state[3], 45);
  return double(result >> 11) * 0x1p-53;
}

int32_t Sampler::sample(std::span<const float> logits) {
  return chooser.choose(logits, seen, isGreedy() ? 0 : uniform());
}

TokenSampling Sampler::rule() {
  TokenSampling sampling = seen;
  sampling.uniform = [this] { return uniform(); };
  return sampling;
}

} // namespace quipu
