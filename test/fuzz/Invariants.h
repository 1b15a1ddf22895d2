//===- Invariants.h - What holds for every config that is accepted --*- C++ -*-===//

#ifndef QUIPU_TEST_FUZZ_INVARIANTS_H
#define QUIPU_TEST_FUZZ_INVARIANTS_H

#include "frontends/common/ModelConfig.h"

#include <cmath>

namespace quipu::test {

/// What does not hold; null if all does.
inline const char *brokenInvariant(const frontend::ModelConfig &config) {
  using namespace quipu::frontend;
  if (config.hiddenSize == 0 || config.hiddenSize > kMaxHidden)
    return "the hidden size is in its bounds";
  if (config.intermediateSize == 0 || config.intermediateSize > kMaxIntermediate)
    return "the intermediate size is in its bounds";
  if (config.numLayers == 0 || config.numLayers > kMaxLayers)
    return "the number of layers is in its bounds";
  if (config.numKvHeads == 0 || config.numHeads % config.numKvHeads != 0)
    return "each key/value head has the same number of query heads";
  if (config.headDim == 0 || config.headDim % 2 != 0)
    return "the size of a head is even";
  if (uint64_t(config.headDim) * config.numHeads > kMaxHidden || config.vocabSize > kMaxVocab)
    return "all heads, and the vocabulary, are in their bounds";
  if (!(config.rmsNormEps > 0))
    return "the epsilon of norms is above 0";
  const Rope &rope = config.rope;
  if (!std::isfinite(rope.theta) || rope.theta < 1 || !(rope.factor >= 1))
    return "the rotary embedding has a finite base and a factor from 1 up";
  if (!config.slidingLayers.empty() && config.slidingLayers.size() != config.numLayers)
    return "each layer has its kind of attention";
  if (rope.scaling == RopeScaling::llama3 && !(rope.highFreqFactor > rope.lowFreqFactor && rope.originalContext > 0))
    return "the bands of llama3's scaling are in order";
  for (const auto *divisors : {&rope.divisors, &rope.longDivisors})
    for (double divisor : *divisors)
      if (!(divisor > 0 && std::isfinite(divisor)))
        return "frequencies are divided by finite numbers above 0";
  return nullptr;
}

} // namespace quipu::test

#endif // QUIPU_TEST_FUZZ_INVARIANTS_H
