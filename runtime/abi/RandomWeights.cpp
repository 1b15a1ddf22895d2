//===- RandomWeights.cpp - Weights from a seed -------------------------------------------===//

#include "runtime/abi/RandomWeights.h"
#include "runtime/abi/DataType.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cmath>

namespace quipu {
namespace {

/// A bijective function that mixes 32 bits with two multiplications and has low bias.
inline uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= kRandomMix[0];
  x ^= x >> 15;
  x *= kRandomMix[1];
  x ^= x >> 16;
  return x;
}

QUIPU_MULTIVERSION void fillNormal(RandomKeys keys, uint32_t first, size_t count, float scale, float *out) {
  for (size_t i = 0; i < count; ++i) {
    // Two rounds with keys mix the number of the element, so that tensors of different names have no common pattern.
    uint32_t low = mix(mix((first + uint32_t(i)) ^ keys.a) ^ keys.b);
    uint32_t high = mix(low ^ keys.c);
    int32_t sum = int32_t((low & 0xffff) + (low >> 16) + (high & 0xffff) + (high >> 16)) - 2 * 0xffff;
    out[i] = float(sum) * scale;
  }
}

} // namespace

double randomDeviation(plan::WeightRole role, uint64_t columns) {
  switch (role) {
  case plan::WeightRole::norm:
    return 0;
  case plan::WeightRole::bias:
    return 0.02;
  case plan::WeightRole::matrix:
  case plan::WeightRole::embedding:
    break;
  }
  return 1 / std::sqrt(double(std::max<uint64_t>(columns, 1)));
}

RandomKeys randomKeys(std::string_view sourceName, uint64_t seed, uint32_t high) {
  uint64_t nameKey = XXH3_64bits_withSeed(sourceName.data(), sourceName.size(), seed);
  uint64_t key = XXH3_64bits_withSeed(&nameKey, sizeof(nameKey), high);
  uint64_t lastKey = XXH3_64bits_withSeed(&key, sizeof(key), seed);
  return {uint32_t(key), uint32_t(key >> 32), uint32_t(lastKey)};
}

float randomScale(plan::WeightRole role, uint64_t columns) {
  // Deviation of the sum of four independent uniform numbers in [0, 65535].
  static const double sumDeviation = std::sqrt(4 * (65536.0 * 65536.0 - 1) / 12);
  return float(randomDeviation(role, columns) / sumDeviation);
}

void fillRandom(std::string_view sourceName, uint64_t seed, plan::WeightRole role, uint64_t columns, uint64_t first,
                size_t count, float *out) {
  if (role == plan::WeightRole::norm) {
    std::fill(out, out + count, 1.0f);
    return;
  }
  float scale = randomScale(role, columns);
  while (count > 0) {
    // The functions below take the lower 32 bits of the element's number. The upper 32 bits are part of the keys.
    uint64_t high = first >> 32;
    size_t block = size_t(std::min<uint64_t>(count, ((high + 1) << 32) - first));
    fillNormal(randomKeys(sourceName, seed, uint32_t(high)), uint32_t(first), block, scale, out);
    out += block;
    first += block;
    count -= block;
  }
}

void fillRandom(std::string_view sourceName, uint64_t seed, plan::WeightRole role, uint64_t columns, uint64_t first,
                size_t count, const WeightFormat &format, void *out) {
  if (format.dense == plan::DType::f32) {
    fillRandom(sourceName, seed, role, columns, first, count, static_cast<float *>(out));
    return;
  }
  constexpr size_t kPiece = 2048;
  static_assert(kPiece % kMaxBlockElements == 0);
  char *target = static_cast<char *>(out);
  for (size_t done = 0; done < count; done += kPiece) {
    float values[kPiece];
    size_t size = std::min(kPiece, count - done);
    fillRandom(sourceName, seed, role, columns, first + done, size, values);
    // Random values are finite and small, so every format can hold them.
    encodeBlocks(format, values, target + format.bytes(done), size);
  }
}

} // namespace quipu
