//===- SampleChooser.h - How one sample's tokens are chosen -----------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ENGINE_SAMPLECHOOSER_H
#define QUIPU_RUNTIME_ENGINE_SAMPLECHOOSER_H

#include "runtime/engine/Request.h"

#include <cstdint>
#include <optional>
#include <span>

namespace quipu {

/// The seed of sample number `sample` of a request with this seed: the same for sample 0, and others for the others.
uint64_t sampleSeed(uint64_t seed, uint32_t sample);

/// The random numbers and the tokens so far of one sample. What it chooses depends on the request, on the number of the
/// sample, and on logits: on nothing else.
class SampleChooser {
public:
  /// `mostTokens`: the most tokens that will be accepted. `numTop`: a device that chooses also says how likely the
  /// token is, and so many of the most likely ones.
  SampleChooser(const RequestSampling &sampling, std::span<const int32_t> prompt, uint32_t sample, uint32_t mostTokens,
                std::optional<uint32_t> numTop = std::nullopt);
  SampleChooser(const SampleChooser &) = delete;
  SampleChooser &operator=(const SampleChooser &) = delete;

  /// For a device that chooses. accept() brings it up to date.
  const TokenSampling &rule() const { return state; }

  /// Chooses from the model's logits on the host. It does not accept() the token. Throws Error if nothing can be chosen
  /// because every token is forbidden.
  int32_t choose(std::span<const float> logits);
  /// Notes the chosen token.
  void accept(int32_t token);

private:
  /// Gives random numbers.
  Sampler sampler;
  TokenSampling state;
  TokenChooser chooser;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ENGINE_SAMPLECHOOSER_H
