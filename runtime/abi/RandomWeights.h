//===- RandomWeights.h - Weights from a seed --------------------------------*- C++ -*-===//
//
// Value number i of tensor `name` is a function of (name, seed, i, role, columns) alone: it depends neither on threads,
// nor on how the compiler joins tensors, nor on the machine; another format changes it by rounding only.
//
// Matrices are approximately normal: a 32-bit mix of the element's number gives four 16-bit numbers whose sum
// (Irwin-Hall) is centred and scaled, so a value needs integer operations and one multiplication.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_RANDOMWEIGHTS_H
#define QUIPU_RUNTIME_ABI_RANDOMWEIGHTS_H

#include "runtime/abi/WeightFormat.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace quipu {

/// Multipliers of the function that mixes 32 bits. GPU kernels compute it too.
inline constexpr uint32_t kRandomMix[] = {0x7feb352d, 0x846ca68b};

/// Standard deviation of the random values of a tensor. It is 0 for norms, which are filled with ones. `columns`: size
/// of the last dimension.
double randomDeviation(plan::WeightRole role, uint64_t columns);

/// A tensor's keys of the generator, for the elements whose number has the upper 32 bits `high`. The value of element i
/// is a function of the lower 32 bits of i, the keys, and a scale.
struct RandomKeys {
  uint32_t a, b, c;
};
RandomKeys randomKeys(std::string_view sourceName, uint64_t seed, uint32_t high);

/// The factor that turns the sum of an element's four random numbers into its value.
float randomScale(plan::WeightRole role, uint64_t columns);

/// Fills `out` with elements [first, first + count) of the tensor named `sourceName` (the name in the weight file,
/// Source.name), in row-major order, as f32.
void fillRandom(std::string_view sourceName, uint64_t seed, plan::WeightRole role, uint64_t columns, uint64_t first,
                size_t count, float *out);

/// The same in another format. `first` and `count` are whole blocks of it.
void fillRandom(std::string_view sourceName, uint64_t seed, plan::WeightRole role, uint64_t columns, uint64_t first,
                size_t count, const WeightFormat &format, void *out);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_RANDOMWEIGHTS_H
