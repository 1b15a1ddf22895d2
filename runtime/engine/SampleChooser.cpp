//===- SampleChooser.cpp - How one sample's tokens are chosen ----------------------------===//

#include "runtime/engine/SampleChooser.h"

namespace quipu {

uint64_t sampleSeed(uint64_t seed, uint32_t sample) {
  if (sample == 0)
    return seed;
  // A bijection that mixes all bits (the end of SplitMix64), so that neighbouring seeds and samples do not meet.
  uint64_t z = seed + sample * 0xd1342543de82ef95;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static SamplingOptions optionsOf(const RequestSampling &sampling, uint32_t sample) {
  SamplingOptions options = sampling.base;
  options.seed = sampleSeed(options.seed, sample);
  return options;
}

SampleChooser::SampleChooser(const RequestSampling &sampling, std::span<const int32_t> prompt, uint32_t sample)
    : sampling(sampling), sampler(optionsOf(sampling, sample)) {
  for (int32_t token : prompt)
    sampler.accept(token);
}

bool SampleChooser::isPlain() const {
  return sampling.bias.empty() && sampling.presencePenalty == 0 && sampling.frequencyPenalty == 0;
}

const TokenSampling &SampleChooser::rule() {
  current = sampler.rule();
  return current;
}

int32_t SampleChooser::choose(std::span<const float> logits) {
  if (isPlain())
    return sampler.sample(logits);
  edited.assign(logits.begin(), logits.end());
  for (const LogitBias &each : sampling.bias)
    edited[size_t(each.token)] += each.bias;
  for (const auto &[token, count] : counts)
    edited[size_t(token)] -= sampling.presencePenalty + sampling.frequencyPenalty * float(count);
  return sampler.sample(edited);
}

void SampleChooser::accept(int32_t token) {
  sampler.accept(token);
  if (sampling.presencePenalty != 0 || sampling.frequencyPenalty != 0)
    ++counts[token];
}

} // namespace quipu
