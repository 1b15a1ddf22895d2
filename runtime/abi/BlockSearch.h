//===- BlockSearch.h - Rounding with factors of scales -------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ABI_BLOCKSEARCH_H
#define QUIPU_RUNTIME_ABI_BLOCKSEARCH_H

#include "runtime/abi/WeightFormat.h"

#include <cstdint>

namespace quipu {

/// Rounds finite values to the zeroed bytes of a block whose runs have factors of the scale, and perhaps of a minimum
/// that is subtracted. It searches the scales, factors and integers with a small sum of squared errors. False when
/// the block cannot hold the values.
bool encodeSearched(const WeightFormat &format, const float *values, uint8_t *block);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_BLOCKSEARCH_H
