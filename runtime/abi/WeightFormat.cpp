//===- WeightFormat.cpp - The table of weight formats ------------------------------------===//

#include "runtime/abi/WeightFormat.h"
#include "runtime/abi/DataType.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>
#include <iterator>

namespace quipu {
namespace {

constexpr WeightFormat denseRow(std::string_view name, plan::DType type) {
  uint32_t bytes = uint32_t(dtypeSize(type));
  // Kernels load dense numbers of any type from even addresses.
  return {name, /*blockElements=*/1, bytes, /*alignment=*/2, type, std::nullopt};
}

constexpr WeightFormat kFormats[] = {
    denseRow("f32", plan::DType::f32),
    denseRow("f16", plan::DType::f16),
    denseRow("bf16", plan::DType::bf16),
    // An f16 scale and 32 bytes.
    {"q8_0", 32, 34, 2, std::nullopt,
     BlockLayout{.integers = {.firstByte = 2, .bits = 8, .run = 32, .isSigned = true, .offset = 0},
                 .scale = {.type = plan::DType::f16, .firstByte = 0},
                 .rounding = BlockRounding::symmetric}},
    // An f16 scale and 16 bytes: the first 16 integers in their lower halves, the others in their upper halves.
    {"q4_0", 32, 18, 2, std::nullopt,
     BlockLayout{.integers = {.firstByte = 2, .bits = 4, .run = 16, .isSigned = false, .offset = 8},
                 .scale = {.type = plan::DType::f16, .firstByte = 0},
                 .rounding = BlockRounding::smallest}},
};

constexpr bool isSound(const WeightFormat &format) {
  if (format.dense)
    return !format.block && format.blockElements == 1;
  if (!format.block || format.blockElements > kMaxBlockElements || format.blockBytes % format.alignment != 0)
    return false;
  const BlockIntegers &integers = format.block->integers;
  const BlockScale &scale = format.block->scale;
  return 8 % integers.bits == 0 && format.blockElements % (integers.run * (8 / integers.bits)) == 0 &&
         (!integers.isSigned || integers.bits == 8) && scale.firstByte % 2 == 0 &&
         integers.place(format.blockElements - 1).byte < format.blockBytes &&
         scale.firstByte + dtypeSize(scale.type) <= format.blockBytes;
}
static_assert(std::all_of(std::begin(kFormats), std::end(kFormats), isSound),
              "a format whose blocks do not hold what its row says");

/// Values that stay in the first-level cache between the two halves of a conversion: whole blocks of any size.
constexpr size_t kPiece = 1024;
static_assert(kPiece % kMaxBlockElements == 0);

float readNumber(plan::DType type, const uint8_t *bytes) {
  float value = 0;
  convertElements(type, bytes, plan::DType::f32, &value, 1);
  return value;
}

/// Integers of a block with the scale's reciprocal `inverse`. Each step of a sum stands alone, so that no compiler
/// joins them to one instruction with another rounding.
QUIPU_MULTIVERSION void roundToIntegers(const BlockIntegers &integers, BlockRounding rounding, const float *values,
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
  int32_t most = (1 << integers.bits) - 1;
  float half = float(integers.offset) + 0.5f;
  for (uint32_t i = 0; i < count; ++i) {
    float scaled = values[i] * inverse;
    float raised = scaled + half;
    result[i] = std::min(int32_t(raised), most);
  }
}

/// Puts the integers into the zeroed bytes of a block.
QUIPU_MULTIVERSION void packIntegers(const BlockIntegers &integers, const int32_t *values, uint8_t *block,
                                     uint32_t count) {
  uint32_t mask = (1u << integers.bits) - 1;
  for (uint32_t first = 0; first < count; first += integers.run) {
    BlockIntegers::Place place = integers.place(first);
    for (uint32_t i = 0; i < integers.run; ++i)
      block[place.byte + i] |= uint8_t((uint32_t(values[first + i]) & mask) << place.shift);
  }
}

QUIPU_MULTIVERSION float largestMagnitude(const float *values, uint32_t count) {
  uint32_t largest = 0;
  // As integers, in which an infinity and what is no number are larger than all numbers.
  for (uint32_t i = 0; i < count; ++i)
    largest = std::max(largest, std::bit_cast<uint32_t>(values[i]) & 0x7fffffff);
  return std::bit_cast<float>(largest);
}

float scaleFor(const BlockLayout &block, const float *values, uint32_t count, float magnitude) {
  float half = float(1 << (block.integers.bits - 1));
  if (block.rounding == BlockRounding::symmetric)
    return magnitude / (half - 1);
  const float *largest = std::find_if(values, values + count, [&](float x) { return std::fabs(x) == magnitude; });
  return *largest / -half;
}

/// False when the block cannot hold the values.
bool encodeBlock(const WeightFormat &format, const float *values, uint8_t *target) {
  const BlockLayout &block = *format.block;
  float magnitude = largestMagnitude(values, format.blockElements);
  if (!std::isfinite(magnitude))
    return false;
  float scale = scaleFor(block, values, format.blockElements, magnitude);
  memset(target, 0, format.blockBytes);
  uint8_t *place = target + block.scale.firstByte;
  convertElements(plan::DType::f32, &scale, block.scale.type, place, 1);
  if (!std::isfinite(readNumber(block.scale.type, place)))
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

void decodeBlock(const WeightFormat &format, const uint8_t *source, float *target) {
  const BlockIntegers &integers = format.block->integers;
  float scale = readNumber(format.block->scale.type, source + format.block->scale.firstByte);
  uint32_t mask = (1u << integers.bits) - 1;
  for (uint32_t i = 0; i < format.blockElements; ++i) {
    BlockIntegers::Place place = integers.place(i);
    uint32_t bits = uint32_t(source[place.byte] >> place.shift) & mask;
    int32_t integer = integers.isSigned ? int8_t(bits) : int32_t(bits);
    target[i] = float(integer - integers.offset) * scale;
  }
}

} // namespace

std::span<const WeightFormat> weightFormats() { return kFormats; }

const WeightFormat *findWeightFormat(std::string_view name) {
  const WeightFormat *found = std::ranges::find(kFormats, name, &WeightFormat::name);
  return found == std::end(kFormats) ? nullptr : found;
}

const WeightFormat &denseFormat(plan::DType type) {
  const WeightFormat *found = std::ranges::find(kFormats, type, &WeightFormat::dense);
  assert(found != std::end(kFormats) && "weights are no integers");
  return *found;
}

std::string weightFormatNames(bool blocksOnly) {
  std::string names;
  for (const WeightFormat &format : kFormats)
    if (format.block || !blocksOnly)
      names.append(names.empty() ? "" : ", ").append(format.name);
  return names;
}

static const WeightFormat &checkedFormat(const flatbuffers::String &name) {
  const WeightFormat *format = findWeightFormat(name.string_view());
  assert(format && "plans with unknown formats are refused");
  return *format;
}

const WeightFormat &formatOf(const plan::Weight &weight) { return checkedFormat(*weight.format()); }
const WeightFormat &formatOf(const plan::Source &source) { return checkedFormat(*source.format()); }

uint64_t weightBytes(const plan::Weight &weight) {
  uint64_t elements = 1;
  for (uint64_t dim : *weight.shape())
    elements *= dim;
  return formatOf(weight).bytes(elements);
}

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
