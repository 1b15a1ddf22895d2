//===- Work.h - Bytes and operations of a step ------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_WORK_H
#define QUIPU_TOOLS_QUIPU_BENCH_WORK_H

#include "runtime/core/Model.h"

#include <cstdint>

namespace quipu::tool {

/// What a step has to read and compute, as the plan's kernels state it.
struct Work {
  /// Weights (once a launch, however many rows) and cached keys and values.
  double bytes = 0;
  double operations = 0;
};

/// The work of a step with `rows` new tokens and `outputs` rows of logits, in launches of at most `chunk` rows, where
/// a row sees `context` cached positions on average.
Work stepWork(const Model &model, uint64_t rows, uint64_t outputs, uint64_t chunk, double context);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_WORK_H
