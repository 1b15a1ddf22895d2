//===- PackedBits.h - Small integers and numbers in the bytes of a block -------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_ABI_PACKEDBITS_H
#define QUIPU_RUNTIME_ABI_PACKEDBITS_H

#include "runtime/abi/WeightFormat.h"

#include <cstdint>

namespace quipu {

/// Integers 0 to count - 1 of a block, less their offset. `count` is a multiple of every plane's run.
void unpackIntegers(const PackedIntegers &integers, const uint8_t *block, int32_t *values, uint32_t count);

/// Puts integers, to which the offset was added, into the zeroed bits of a block.
void packIntegers(const PackedIntegers &integers, const int32_t *values, uint8_t *block, uint32_t count);

float loadNumber(const BlockScale &scale, const uint8_t *block);

/// Stores a number, rounded to its type. Gives what was stored.
float storeNumber(const BlockScale &scale, float value, uint8_t *block);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_PACKEDBITS_H
