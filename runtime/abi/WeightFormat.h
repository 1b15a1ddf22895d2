//===- WeightFormat.h - How the values of a weight lie in memory ------------*- C++ -*-===//
//
// The one table of weight formats. Plan, dialect, reference lowering, code generation and runtime take names, sizes and
// places of values from it, so a format is added by a row of the table (CONTRIBUTING.md, "Add a weight format").
//
// A row of a weight is a sequence of blocks. A block of a dense format is one number. A block of another format holds
// small integers and a scale that they share:
//
//     value[i] = (integer[i] - offset) * scale
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_WEIGHTFORMAT_H
#define QUIPU_RUNTIME_ABI_WEIGHTFORMAT_H

#include "runtime/abi/plan_generated.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quipu {

/// Most values of a block.
inline constexpr uint32_t kMaxBlockElements = 256;

/// The integers of a block. `run` neighbours lie in neighbouring bytes, at the same bits of each. The next run lies in
/// the same bytes, `bits` higher; where these are full, in the bytes behind.
struct BlockIntegers {
  uint32_t firstByte;
  /// 1, 2, 4 or 8.
  uint32_t bits;
  uint32_t run;
  /// Two's complement (of 8 bits); else unsigned.
  bool isSigned;
  /// What is subtracted from each.
  int32_t offset;

  struct Place {
    uint32_t byte, shift;
  };
  /// Where integer `i` of the block lies: its byte in the block, and its lowest bit there.
  constexpr Place place(uint32_t i) const {
    uint32_t runsInByte = 8 / bits, group = i / (run * runsInByte);
    return {firstByte + group * run + i % run, i / run % runsInByte * bits};
  }
};

/// The scale of a block.
struct BlockScale {
  plan::DType type;
  uint32_t firstByte;
};

/// How values are rounded to integers and a scale.
enum class BlockRounding : uint8_t {
  /// The largest magnitude becomes the largest integer; ties go away from zero.
  symmetric,
  /// The value of the largest magnitude becomes the smallest integer, so that the scale has the opposite sign; ties go
  /// up.
  smallest
};

/// What a block holds where it is more than a number.
struct BlockLayout {
  BlockIntegers integers;
  BlockScale scale;
  BlockRounding rounding;
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
};

/// All formats.
std::span<const WeightFormat> weightFormats();

/// The format of that name; null when there is none.
const WeightFormat *findWeightFormat(std::string_view name);

/// The dense format of such numbers: f32, f16 or bf16.
const WeightFormat &denseFormat(plan::DType type);

/// "f32, f16, bf16, q8_0"; or those alone that are not dense, to which weights can be quantised.
std::string weightFormatNames(bool blocksOnly = false);

/// The format of a weight, or of a source of it, whose name was checked when the plan was opened.
const WeightFormat &formatOf(const plan::Weight &weight);
const WeightFormat &formatOf(const plan::Source &source);

/// Bytes of a weight in memory.
uint64_t weightBytes(const plan::Weight &weight);

/// Decodes `count` values, which are whole blocks.
void decodeBlocks(const WeightFormat &format, const void *source, float *target, size_t count);

/// Rounds `count` values, which are whole blocks. Returns the number of the first value that the format cannot hold
/// (infinite, no number, or too large for a scale), and nothing when all went well.
std::optional<size_t> encodeBlocks(const WeightFormat &format, const float *source, void *target, size_t count);

/// Converts `count` values, which are whole blocks of both formats, through f32. Returns what encodeBlocks does.
std::optional<size_t> convertBlocks(const WeightFormat &from, const void *source, const WeightFormat &to, void *target,
                                    size_t count);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_WEIGHTFORMAT_H
