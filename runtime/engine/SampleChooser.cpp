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

SampleChooser::SampleChooser(const RequestSampling &sampling, std::span<const int32_t> prompt, uint32_t sample,
                             uint32_t mostTokens, std::optional<uint32_t> numTop)
    : sampler(optionsOf(sampling, sample)), state(sampler.rule()) {
  state.rule.presencePenalty = sampling.presencePenalty;
  state.rule.frequencyPenalty = sampling.frequencyPenalty;
  state.rule.scored = numTop ? *numTop + 1 : 0;
  // A ring that holds all tokens is longer than those of devices, which know all tokens by their edits.
  if (state.rule.window > kSampleWindow && state.rule.window >= prompt.size() + mostTokens) {
    state.rule.window = 0;
    state.rule.seesAll = 1;
  }
  for (const LogitBias &each : sampling.bias)
    state.addBias(each.token, each.bias);
  if (state.rule.seesAll || state.rule.window > 0)
    for (int32_t token : prompt)
      state.see(token);
  state.mostEdits = uint32_t(state.edits().size()) + (state.rule.keepsTokens() ? mostTokens : 0);
}

int32_t SampleChooser::choose(std::span<const float> logits) {
  return chooser.choose(logits, state, sampler.isGreedy() ? 0 : state.uniform());
}

void SampleChooser::accept(int32_t token) { state.accept(token); }

} // namespace quipu
