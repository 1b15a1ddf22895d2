//===- InterleavedRows.h - Rows of a weight, word by word -------------------*- C++ -*-===//
//
// Kernels that keep one row of a weight in each lane of a vector want the same part of neighbouring rows side by side.
// So some rows of a weight in blocks can lie interleaved: block by block, and in a block unit by unit, where a unit is
// a number of the block (its scale, its minimum) or four neighbouring bytes of what else it holds. Units are in the
// order in which values need them: the numbers first, then the factors of the whole block, then what value 0 is made
// of, and so on. So whoever decodes a block reads memory from end to end, which hardware foresees.
//
//     address(block, byte b, row r) = block * rows * blockBytes + rows * u.place + r * u.bytes + (b - u.firstByte)
//
// with u the unit that byte b of a block lies in. The rows take as many bytes as before.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_ABI_INTERLEAVEDROWS_H
#define QUIPU_RUNTIME_ABI_INTERLEAVEDROWS_H

#include "runtime/abi/WeightFormat.h"

#include <cstdint>
#include <vector>

namespace quipu {

/// Most rows that are interleaved.
inline constexpr uint32_t kMostInterleavedRows = 16;

/// Bytes of a word: a unit that is no number.
inline constexpr uint32_t kWordBytes = 4;

/// Bytes of a block that stay together.
struct BlockUnit {
  uint32_t firstByte;
  uint32_t bytes;
  /// Bytes of the block that lie in front of it where rows are interleaved.
  uint32_t place = 0;
};

/// The units of a block, in the order of interleaved rows. Empty if the bytes between its numbers are no whole words,
/// or the format is dense: then rows cannot be interleaved.
std::vector<BlockUnit> unitsOf(const WeightFormat &format);

/// Writes `rows` rows of `rowBytes` bytes, which lie one behind the other at `source`, interleaved to `target`.
void interleaveRows(const WeightFormat &format, uint32_t rows, uint64_t rowBytes, const char *source, char *target);

} // namespace quipu

#endif // QUIPU_RUNTIME_ABI_INTERLEAVEDROWS_H
