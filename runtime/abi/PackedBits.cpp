//===- PackedBits.cpp - Small integers and numbers in the bytes of a block ----------------===//

#include "runtime/abi/PackedBits.h"
#include "runtime/abi/DataType.h"

namespace quipu {

/// Adds the bits of a plane to `values`, `up` bits higher.
QUIPU_MULTIVERSION static void unpackPlane(const BitPlane &plane, const uint8_t *block, uint32_t up, int32_t *values,
                                           uint32_t count) {
  uint32_t mask = (1u << plane.bits) - 1;
  for (uint32_t first = 0; first < count; first += plane.run) {
    BitPlane::Place place = plane.place(first);
    for (uint32_t i = 0; i < plane.run; ++i)
      values[first + i] |= int32_t((uint32_t(block[place.byte + i] >> place.shift) & mask) << up);
  }
}

QUIPU_MULTIVERSION static void packPlane(const BitPlane &plane, const int32_t *values, uint32_t down, uint8_t *block,
                                         uint32_t count) {
  uint32_t mask = (1u << plane.bits) - 1;
  for (uint32_t first = 0; first < count; first += plane.run) {
    BitPlane::Place place = plane.place(first);
    for (uint32_t i = 0; i < plane.run; ++i)
      block[place.byte + i] |= uint8_t((uint32_t(values[first + i]) >> down & mask) << place.shift);
  }
}

void unpackIntegers(const PackedIntegers &integers, const uint8_t *block, int32_t *values, uint32_t count) {
  std::fill_n(values, count, 0);
  unpackPlane(integers.low, block, 0, values, count);
  if (integers.high.bits)
    unpackPlane(integers.high, block, integers.low.bits, values, count);
  for (uint32_t i = 0; i < count; ++i)
    values[i] = (integers.isSigned ? int8_t(values[i]) : values[i]) - integers.offset;
}

void packIntegers(const PackedIntegers &integers, const int32_t *values, uint8_t *block, uint32_t count) {
  packPlane(integers.low, values, 0, block, count);
  if (integers.high.bits)
    packPlane(integers.high, values, integers.low.bits, block, count);
}

float loadNumber(const BlockScale &scale, const uint8_t *block) {
  float value = 0;
  convertElements(scale.type, block + scale.firstByte, plan::DType::f32, &value, 1);
  return value;
}

float storeNumber(const BlockScale &scale, float value, uint8_t *block) {
  convertElements(plan::DType::f32, &value, scale.type, block + scale.firstByte, 1);
  return loadNumber(scale, block);
}

} // namespace quipu
