//===- WeightFormat.cpp - The table of weight formats ------------------------------------===//

#include "runtime/abi/WeightFormat.h"
#include "runtime/abi/DataType.h"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace quipu {
namespace {

constexpr WeightFormat denseRow(std::string_view name, plan::DType type) {
  uint32_t bytes = uint32_t(dtypeSize(type));
  // Kernels load dense numbers of any type from even addresses.
  return {name, /*blockElements=*/1, bytes, /*alignment=*/2, type, std::nullopt};
}

/// A block of 32 integers with an f16 scale in front.
constexpr BlockLayout scaled(PackedIntegers integers, BlockRounding rounding) {
  return {.integers = integers, .scale = {plan::DType::f16, 0}, .scaleRun = 32, .rounding = rounding};
}

/// A block of 32 integers with an f16 scale and an f16 minimum in front.
constexpr BlockLayout scaledFromMinimum(PackedIntegers integers) {
  return {.integers = integers,
          .scale = {plan::DType::f16, 0},
          .scaleRun = 32,
          .minimum = BlockMinimum{{plan::DType::f16, 2}, std::nullopt, 1.0f},
          .rounding = BlockRounding::searched};
}

/// The 6-bit factors of q4_k and q5_k in 12 bytes from byte 4 on. The lower halves of the first four scales' and the
/// first four minima's bytes are theirs; the others have theirs in the last four bytes. The two highest bits of all lie
/// in the first eight bytes.
constexpr PackedIntegers kScales6 = {
    .low = {.firstByte = 4, .bits = 4, .run = 4, .runsInByte = 1, .groupBytes = 8},
    .high = {.firstByte = 4, .bits = 2, .run = 4, .runsInByte = 2, .groupBytes = 4, .firstBit = 4}};
constexpr PackedIntegers kMinima6 = {
    .low = {.firstByte = 8, .bits = 4, .run = 4, .runsInByte = 1, .groupBytes = 4, .groupBits = 4},
    .high = {.firstByte = 8, .bits = 2, .run = 4, .runsInByte = 2, .groupBytes = 4, .firstBit = 4}};

/// A block of 256 integers behind an f16 scale, an f16 scale of minima, and factors of both for each 32.
constexpr BlockLayout superBlock(PackedIntegers integers) {
  return {.integers = integers,
          .scale = {plan::DType::f16, 0},
          .scaleRun = 32,
          .scaleFactors = kScales6,
          .minimum = BlockMinimum{{plan::DType::f16, 2}, kMinima6, -1.0f},
          .rounding = BlockRounding::searched};
}

constexpr PackedIntegers unsignedIntegers(BitPlane low, BitPlane high = {}, int32_t offset = 0) {
  return {.low = low, .high = high, .offset = offset};
}

constexpr std::array<int8_t, 16> kNonLinear4 = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                1,    13,   25,  38,  53,  69,  89,  113};

constexpr auto filled = BitPlane::filled;
constexpr PackedIntegers kBytesAt2 = {.low = filled(2, 8, 32), .isSigned = true};

constexpr WeightFormat kFormats[] = {
    denseRow("f32", plan::DType::f32),
    denseRow("f16", plan::DType::f16),
    denseRow("bf16", plan::DType::bf16),
    {"q8_0", 32, 34, 2, std::nullopt, scaled(kBytesAt2, BlockRounding::symmetric)},
    // The first 16 integers lie in the lower halves of the bytes, the others in their upper halves.
    {"q4_0", 32, 18, 2, std::nullopt, scaled(unsignedIntegers(filled(2, 4, 16), {}, 8), BlockRounding::smallest)},
    {"q4_1", 32, 20, 2, std::nullopt, scaledFromMinimum(unsignedIntegers(filled(4, 4, 16)))},
    // The fifth bits lie in front, one behind the other.
    {"q5_0", 32, 22, 2, std::nullopt,
     scaled(unsignedIntegers(filled(6, 4, 16), filled(2, 1, 1), 16), BlockRounding::smallest)},
    {"q5_1", 32, 24, 2, std::nullopt, scaledFromMinimum(unsignedIntegers(filled(8, 4, 16), filled(4, 1, 1)))},
    {"q2_k", 256, 84, 2, std::nullopt,
     BlockLayout{.integers = unsignedIntegers(filled(16, 2, 32)),
                 .scale = {plan::DType::f16, 80},
                 .scaleRun = 16,
                 .scaleFactors = unsignedIntegers({.bits = 4, .run = 16, .runsInByte = 1, .groupBytes = 16}),
                 .minimum = BlockMinimum{{plan::DType::f16, 82},
                                         unsignedIntegers(
                                             {.bits = 4, .run = 16, .runsInByte = 1, .groupBytes = 16, .firstBit = 4}),
                                         -1.0f},
                 .rounding = BlockRounding::searched}},
    {"q3_k", 256, 110, 2, std::nullopt,
     BlockLayout{.integers = unsignedIntegers(filled(32, 2, 32), filled(0, 1, 32), 4),
                 .scale = {plan::DType::f16, 108},
                 .scaleRun = 16,
                 .scaleFactors = unsignedIntegers(filled(96, 4, 8), filled(104, 2, 4), 32),
                 .rounding = BlockRounding::searched}},
    {"q4_k", 256, 144, 2, std::nullopt, superBlock(unsignedIntegers(filled(16, 4, 32)))},
    {"q5_k", 256, 176, 2, std::nullopt, superBlock(unsignedIntegers(filled(48, 4, 32), filled(16, 1, 32)))},
    {"q6_k", 256, 210, 2, std::nullopt,
     BlockLayout{.integers = unsignedIntegers(filled(0, 4, 64), filled(128, 2, 32), 32),
                 .scale = {plan::DType::f16, 208},
                 .scaleRun = 16,
                 .scaleFactors = PackedIntegers{.low = filled(192, 8, 16), .isSigned = true},
                 .rounding = BlockRounding::searched}},
    // The sums of 16 behind the integers are not read.
    {"q8_k", 256, 292, 4, std::nullopt,
     BlockLayout{
         .integers = {.low = filled(4, 8, 256), .isSigned = true}, .scale = {plan::DType::f32, 0}, .scaleRun = 256}},
    // llama2.c has the integers of a tensor in one place and the scales in another (runtime/abi/TensorPieces.h).
    {"q8_f32", 32, 36, 4, std::nullopt,
     BlockLayout{
         .integers = {.low = filled(4, 8, 32), .isSigned = true}, .scale = {plan::DType::f32, 0}, .scaleRun = 32}},
    {"iq4_nl", 32, 18, 2, std::nullopt,
     BlockLayout{.integers = unsignedIntegers(filled(2, 4, 16)),
                 .codebook = &kNonLinear4,
                 .scale = {plan::DType::f16, 0},
                 .scaleRun = 32}},
};

constexpr bool isSound(const BitPlane &plane, uint32_t count, uint32_t blockBytes) {
  if (plane.bits == 0)
    return true;
  for (uint32_t i = 0; i < count; ++i) {
    BitPlane::Place place = plane.place(i);
    if (place.byte >= blockBytes || place.shift + plane.bits > 8)
      return false;
  }
  return count % plane.run == 0;
}

constexpr bool isSound(const PackedIntegers &integers, uint32_t count, uint32_t blockBytes) {
  return integers.low.bits != 0 && integers.bits() <= 8 && (!integers.isSigned || integers.bits() == 8) &&
         isSound(integers.low, count, blockBytes) && isSound(integers.high, count, blockBytes);
}

constexpr bool isSound(const BlockScale &scale, uint32_t blockBytes) {
  return scale.firstByte % 2 == 0 && scale.firstByte + dtypeSize(scale.type) <= blockBytes;
}

constexpr bool isSound(const WeightFormat &format) {
  if (format.dense)
    return !format.block && format.blockElements == 1;
  if (!format.block || format.blockElements > kMaxBlockElements || format.blockBytes % format.alignment != 0)
    return false;
  const BlockLayout &block = *format.block;
  if (block.scaleRun == 0 || format.blockElements % block.scaleRun != 0)
    return false;
  uint32_t runs = format.blockElements / block.scaleRun, bytes = format.blockBytes;
  if (block.scaleFactors && !isSound(*block.scaleFactors, runs, bytes))
    return false;
  if (block.minimum && (!isSound(block.minimum->scale, bytes) ||
                        (block.minimum->factors && !isSound(*block.minimum->factors, runs, bytes))))
    return false;
  return isSound(block.integers, format.blockElements, bytes) && isSound(block.scale, bytes) &&
         (!block.codebook || block.integers.bits() == 4);
}
static_assert(std::all_of(std::begin(kFormats), std::end(kFormats), [](const WeightFormat &f) { return isSound(f); }),
              "a format whose blocks do not hold what its row says");

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

} // namespace quipu
