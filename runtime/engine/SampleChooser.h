//===- SampleChooser.h - How one sample's tokens are chosen -----------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ENGINE_SAMPLECHOOSER_H
#define QUIPU_RUNTIME_ENGINE_SAMPLECHOOSER_H

#include "runtime/engine/Request.h"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

namespace quipu {

/// The seed of sample number `sample` of a request with this seed: the same for sample 0, and others for the others.
uint64_t sampleSeed(uint64_t seed, uint32_t sample);

/// The random numbers and the tokens so far of one sample. What it chooses depends on the request, on the number of the
/// sample, and on logits: on nothing else.
class SampleChooser {
public:
  SampleChooser(const RequestSampling &sampling, std::span<const int32_t> prompt, uint32_t sample);

  /// Whether the rule is all there is, so that a device may choose by it.
  bool isPlain() const;
  /// For a device. It is valid until the next accept().
  const TokenSampling &rule();

  /// Chooses from the model's logits on the host. It does not accept() the token. Throws Error if nothing can be chosen
  /// because every token is forbidden.
  int32_t choose(std::span<const float> logits);
  /// Notes the chosen token.
  void accept(int32_t token);

private:
  const RequestSampling &sampling;
  Sampler sampler;
  TokenSampling current;
  std::unordered_map<int32_t, uint32_t> counts;
  // Working memory.
  std::vector<float> edited;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_ENGINE_SAMPLECHOOSER_H
