//===- BlockCodec.cpp - Values of blocks, and blocks of values ----------------------------===//
//
// Compiled without contraction: each product and each sum is rounded by itself, as the layouts say.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/abi/BlockSearch.h"
#include "runtime/abi/DataType.h"
#include "runtime/abi/PackedBits.h"
#include "runtime/abi/WeightFormat.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace quipu {
namespace {

/// Values that stay in the first-level cache between the two halves of a conversion: whole blocks of any size.
constexpr size_t kPiece = 1024;
static_assert(kPiece % kMaxBlockElements == 0);

/// Integers of a block with the scale's reciprocal `inverse`. Each step of a sum stands alone, so that no compiler
/// joins them to one instruction with another rounding.
QUIPU_MULTIVERSION void roundToIntegers(const PackedIntegers &integers, BlockRounding rounding, const float *values,
                                        float inverse, int32_t *result, uint32_t count) {
  if (rounding == BlockRounding::symmetric) {
    for (uint32_t i = 0; i < count; ++i) {
      float scaled = values[i] * inverse;
      float whole = std::trunc(scaled);
      float rest = scaled - whole;
      float step = std::fabs(rest) >= 0.5f ? std::copysign(1.0f, scaled) : 0.0f;
      result[i] = int32_t(whole + step) + integers.offset;
    }
    return;
  }
  int32_t most = (1 << integers.bits()) - 1;
  float half = float(integers.offset) + 0.5f;
  for (uint32_t i = 0; i < count; ++i) {
    float scaled = values[i] * inverse;
    float raised = scaled + half;
    result[i] = std::min(int32_t(raised), most);
  }
}

QUIPU_MULTIVERSION float largestMagnitude(const float *values, uint32_t count) {
  uint32_t largest = 0;
  // As integers, in which an infinity and what is no number are larger than all numbers.
  for (uint32_t i = 0; i < count; ++i)
    largest = std::max(largest, std::bit_cast<uint32_t>(values[i]) & 0x7fffffff);
  return std::bit_cast<float>(largest);
}

/// The scale by the largest magnitude.
float scaleFor(const BlockLayout &block, const float *values, uint32_t count, float magnitude) {
  float half = float(1 << (block.integers.bits() - 1));
  if (block.rounding == BlockRounding::symmetric)
    return magnitude / (half - 1);
  const float *largest = std::find_if(values, values + count, [&](float x) { return std::fabs(x) == magnitude; });
  return *largest / -half;
}

/// Rounds with one scale for the block. False when the block cannot hold it.
bool encodeScaled(const WeightFormat &format, const float *values, float magnitude, uint8_t *target) {
  const BlockLayout &block = *format.block;
  float scale = scaleFor(block, values, format.blockElements, magnitude);
  if (!std::isfinite(storeNumber(block.scale, scale, target)))
    return false;
  // Of values so small the stored scale is zero, and with it all that is decoded.
  float inverse = scale != 0 ? 1 / scale : 0;
  if (!std::isfinite(inverse))
    inverse = 0;
  int32_t integers[kMaxBlockElements];
  roundToIntegers(block.integers, block.rounding, values, inverse, integers, format.blockElements);
  packIntegers(block.integers, integers, target, format.blockElements);
  return true;
}

/// False when the block cannot hold the values.
bool encodeBlock(const WeightFormat &format, const float *values, uint8_t *target) {
  float magnitude = largestMagnitude(values, format.blockElements);
  if (!std::isfinite(magnitude))
    return false;
  memset(target, 0, format.blockBytes);
  return format.block->rounding == BlockRounding::searched ? encodeSearched(format, values, target)
                                                           : encodeScaled(format, values, magnitude, target);
}

void decodeBlock(const WeightFormat &format, const uint8_t *source, float *target) {
  const BlockLayout &block = *format.block;
  int32_t integers[kMaxBlockElements];
  unpackIntegers(block.integers, source, integers, format.blockElements);
  uint32_t runs = format.blockElements / block.scaleRun;
  int32_t factors[kMaxBlockElements], minimumFactors[kMaxBlockElements];
  std::fill_n(factors, runs, 1);
  std::fill_n(minimumFactors, runs, 1);
  if (block.scaleFactors)
    unpackIntegers(*block.scaleFactors, source, factors, runs);
  float scale = loadNumber(block.scale, source), minimumScale = 0;
  if (block.minimum) {
    minimumScale = loadNumber(block.minimum->scale, source);
    if (block.minimum->factors)
      unpackIntegers(*block.minimum->factors, source, minimumFactors, runs);
  }
  for (uint32_t r = 0; r < runs; ++r) {
    float runScale = scale * float(factors[r]);
    float minimum = minimumScale * float(minimumFactors[r]);
    for (uint32_t i = r * block.scaleRun; i < (r + 1) * block.scaleRun; ++i) {
      int32_t integer = block.codebook ? (*block.codebook)[size_t(integers[i])] : integers[i];
      float product = float(integer) * runScale;
      target[i] = block.minimum ? product + block.minimum->sign * minimum : product;
    }
  }
}

} // namespace

void decodeBlocks(const WeightFormat &format, const void *source, float *target, size_t count) {
  if (format.dense)
    return convertElements(*format.dense, source, plan::DType::f32, target, count);
  const auto *bytes = static_cast<const uint8_t *>(source);
  for (size_t done = 0; done < count; done += format.blockElements, bytes += format.blockBytes)
    decodeBlock(format, bytes, target + done);
}

std::optional<size_t> encodeBlocks(const WeightFormat &format, const float *source, void *target, size_t count) {
  if (format.dense) {
    convertElements(plan::DType::f32, source, *format.dense, target, count);
    return std::nullopt;
  }
  auto *bytes = static_cast<uint8_t *>(target);
  for (size_t done = 0; done < count; done += format.blockElements, bytes += format.blockBytes) {
    const float *values = source + done;
    if (encodeBlock(format, values, bytes))
      continue;
    // The value at fault is no number, or else the largest.
    const float *worst = std::find_if(values, values + format.blockElements, [](float x) { return !std::isfinite(x); });
    if (worst == values + format.blockElements)
      worst = std::max_element(values, values + format.blockElements,
                               [](float a, float b) { return std::fabs(a) < std::fabs(b); });
    return size_t(worst - source);
  }
  return std::nullopt;
}

std::optional<size_t> convertBlocks(const WeightFormat &from, const void *source, const WeightFormat &to, void *target,
                                    size_t count) {
  if (&from == &to) {
    memcpy(target, source, from.bytes(count));
    return std::nullopt;
  }
  if (from.dense && to.dense) {
    convertElements(*from.dense, source, *to.dense, target, count);
    return std::nullopt;
  }
  const auto *in = static_cast<const uint8_t *>(source);
  auto *out = static_cast<uint8_t *>(target);
  for (size_t done = 0; done < count; done += kPiece) {
    size_t size = std::min(kPiece, count - done);
    float values[kPiece];
    decodeBlocks(from, in + from.bytes(done), values, size);
    if (std::optional<size_t> bad = encodeBlocks(to, values, out + to.bytes(done), size))
      return done + *bad;
  }
  return std::nullopt;
}

} // namespace quipu
