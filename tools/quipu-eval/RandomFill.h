//===- RandomFill.h - Random weights for the evaluator ----------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_EVAL_RANDOMFILL_H
#define QUIPU_TOOLS_QUIPU_EVAL_RANDOMFILL_H

#include "ir/Reference/WeightMemory.h"

#include <cstdint>

namespace quipu::tool {

/// Random weights, as the runtime makes them from the seed and the names. The runtime fills norms with ones. With
/// `varyNorms` norms get other values, so that a norm on the wrong row or layer changes the logits.
llama::WeightFill randomWeights(uint64_t seed, bool varyNorms);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_EVAL_RANDOMFILL_H
