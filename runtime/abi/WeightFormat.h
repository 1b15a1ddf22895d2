//===- WeightFormat.h - How the values of a weight lie in memory ------------*- C++ -*-===//
//
// The one table of weight formats. Plan, dialect, reference lowering, code generation and runtime take names, sizes and
// places of values from it, so a format is added by a row of the table (CONTRIBUTING.md, "Add a weight format").
//
// A row of a weight is a sequence of blocks. A block of a dense format is one number. A block of another format holds
// small integers, and a scale and perhaps a minimum that they share, or that runs of them share:
//
//     value[i] = (integer[i] - offset) * (scale * factor[r]) + sign * (minimumScale * minimumFactor[r])
//
// with r = i / scaleRun. The factors are small integers too. Each product and the sum are rounded to f32, in this
// order. Source of the layouts: the GGUF files of llama.cpp (ggml-common.h, ggml-quants.c).
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_WEIGHTFORMAT_H
#define QUIPU_RUNTIME_ABI_WEIGHTFORMAT_H

#include "runtime/abi/plan_generated.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quipu {

/// Most values of a block.
inline constexpr uint32_t kMaxBlockElements = 256;

/// Bits of small integers. `run` neighbours lie in neighbouring bytes, at the same bits of each. The next run lies in
/// the same bytes, `bits` higher. After `runsInByte` runs the next group of runs begins, `groupBytes` bytes and
/// `groupBits` bits behind the one before.
struct BitPlane {
  uint32_t firstByte = 0;
  /// 1, 2, 4 or 8; 0: there is no such plane.
  uint32_t bits = 0;
  uint32_t run = 0;
  uint32_t runsInByte = 0;
  uint32_t groupBytes = 0;
  uint32_t firstBit = 0;
  uint32_t groupBits = 0;

  /// Runs that fill their bytes.
  static constexpr BitPlane filled(uint32_t firstByte, uint32_t bits, uint32_t run) {
    return {.firstByte = firstByte, .bits = bits, .run = run, .runsInByte = 8 / bits, .groupBytes = run};
  }

  struct Place {
    uint32_t byte, shift;
  };
  /// Where the bits of integer `i` lie: their byte in the block, and the lowest of them there.
  constexpr Place place(uint32_t i) const {
    uint32_t group = i / (run * runsInByte);
    return {firstByte + group * groupBytes + i % run, firstBit + group * groupBits + i / run % runsInByte * bits};
  }
};

/// Small integers of a block: `low | high << low.bits`, less an offset.
struct PackedIntegers {
  BitPlane low;
  BitPlane high = {};
  /// Two's complement (of 8 bits); else unsigned.
  bool isSigned = false;
  /// What is subtracted from each.
  int32_t offset = 0;

  constexpr uint32_t bits() const { return low.bits + high.bits; }
  /// Neighbours that lie in neighbouring bytes of every plane.
  constexpr uint32_t run() const { return high.bits && high.run < low.run ? high.run : low.run; }
};

/// A number of a block.
struct BlockScale {
  plan::DType type;
  uint32_t firstByte;
};

/// What is added to the products of a block.
struct BlockMinimum {
  BlockScale scale;
  /// For each run of `scaleRun` values; nothing: 1 for all.
  std::optional<PackedIntegers> factors;
  /// 1 or -1.
  float sign;
};

/// How values are rounded to a block.
enum class BlockRounding : uint8_t {
  /// They are not: the format is read alone.
  none,
  /// The largest magnitude becomes the largest integer; ties go away from zero.
  symmetric,
  /// The value of the largest magnitude becomes the smallest integer, so that the scale has the opposite sign; ties go
  /// up.
  smallest,
  /// Scales, factors and minima are searched for the smallest sum of squared errors (BlockSearch.h).
  searched
};

/// What a block holds where it is more than a number.
struct BlockLayout {
  PackedIntegers integers;
  /// Where it is there, the integers are places in it, and these are the values that scales multiply.
  const std::array<int8_t, 16> *codebook = nullptr;
  BlockScale scale;
  /// Neighbouring values that share factors: a divisor of the block.
  uint32_t scaleRun;
  /// Nothing: 1 for all.
  std::optional<PackedIntegers> scaleFactors = {};
  std::optional<BlockMinimum> minimum = {};
  BlockRounding rounding = BlockRounding::none;
};

struct WeightFormat {
  /// "f32", "q8_0": the spelling in plans, in the dialect and of --quantize.
  std::string_view name;
  /// Neighbouring values of a row that make a block, and the bytes that it takes.
  uint32_t blockElements;
  uint32_t blockBytes;
  /// Bytes that the address of a row is a multiple of.
  uint32_t alignment;
  /// The type of the numbers of a dense format.
  std::optional<plan::DType> dense;
  /// What a block of another format holds.
  std::optional<BlockLayout> block;

  /// Bytes of `elements` values, which are whole blocks.
  constexpr uint64_t bytes(uint64_t elements) const { return elements / blockElements * blockBytes; }
  /// Whether rows of so many values are whole blocks.
  constexpr bool fits(uint64_t columns) const { return columns % blockElements == 0; }
  /// Whether values can be rounded to the format.
  constexpr bool canEncode() const { return dense || block->rounding != BlockRounding::none; }
};

/// All formats.
std::span<const WeightFormat> weightFormats();

/// The format of that name; null when there is none.
const WeightFormat *findWeightFormat(std::string_view name);

/// The dense format of such numbers: f32, f16 or bf16.
const WeightFormat &denseFormat(plan::DType type);

/// "f32, f16, bf16, q8_0"; or those of blocks alone.
std::string weightFormatNames(bool blocksOnly = false);

/// The format of a weight, or of a source of it, whose name was checked when the plan was opened.
const WeightFormat &formatOf(const plan::Weight &weight);
const WeightFormat &formatOf(const plan::Source &source);

/// Bytes of a weight in memory.
uint64_t weightBytes(const plan::Weight &weight);

/// Decodes `count` values, which are whole blocks.
void decodeBlocks(const WeightFormat &format, const void *source, float *target, size_t count);

/// Rounds `count` values, which are whole blocks, to a format that can encode. Returns the number of the first value
/// that the format cannot hold (infinite, no number, or too large for a scale), and nothing when all went well.
std::optional<size_t> encodeBlocks(const WeightFormat &format, const float *source, void *target, size_t count);

/// Converts `count` values, which are whole blocks of both formats, through f32. Returns what encodeBlocks does.
std::optional<size_t> convertBlocks(const WeightFormat &from, const void *source, const WeightFormat &to, void *target,
                                    size_t count);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_WEIGHTFORMAT_H
