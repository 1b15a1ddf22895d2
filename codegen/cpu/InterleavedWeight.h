//===- InterleavedWeight.h - Neighbouring rows of a weight in lanes -*- C++ -*-===//
//
// Reads rows of a weight that lie interleaved (runtime/abi/InterleavedRows.h). A lane of a vector has a row. A load
// gives the same word, or number, of neighbouring rows.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_INTERLEAVEDWEIGHT_H
#define QUIPU_CODEGEN_CPU_INTERLEAVEDWEIGHT_H

#include "codegen/cpu/KernelBuilder.h"
#include "runtime/abi/InterleavedRows.h"
#include "llvm/ADT/DenseMap.h"

namespace quipu::codegen::cpu {

class InterleavedWeight {
public:
  /// `weight`: a type with interleaved rows of a format that canRead().
  InterleavedWeight(KernelBuilder &b, mlir::RankedTensorType weight);

  /// Whether the small integers of a format come in words: four neighbours lie in the four bytes of a word, or their
  /// single bits in one of its halves.
  static bool canRead(const WeightFormat &format);

  /// Rows that lie together, values of a block of one of them, and bytes of such a block of all.
  int64_t rows() const { return interleave; }
  int64_t blockElements() const { return format->blockElements; }
  int64_t bytesOfBlocks() const { return interleave * format->blockBytes; }
  /// Integers of a block behind which others lie in the same way, so that one loop can read them all: those of some
  /// bytes, or the whole block.
  int64_t period() const { return integersOfPeriod; }

  /// A block of some neighbouring rows.
  class Block {
  public:
    /// The integers `i` to `i + 4` of each row before the offset is subtracted, as i8: those of the first row first.
    /// `i` is a multiple of 4.
    mlir::Value words(int64_t i);
    /// The same times 2^shiftOf(i): those in the upper bits of bytes stay there, which takes an instruction less.
    mlir::Value wordsInPlace(int64_t i);
    int64_t shiftOf(int64_t i) const;
    /// The block as if its integers began with number `i`, a multiple of period(): words(j) of it is words(i + j) of
    /// this one. It has no scales and minima.
    Block from(mlir::Value i) const;
    /// Values `i` to `i + 4` of each row, as f32: those of the first row first. `i` is a multiple of 4.
    mlir::Value values(int64_t i);
    /// What value `i` of each row shares with its neighbours, as f32: its scale, and the minimum that is added to it.
    mlir::Value scales(int64_t i);
    mlir::Value minima(int64_t i);

  private:
    friend class InterleavedWeight;
    Block(const InterleavedWeight &weight, mlir::Value start, mlir::Value row, int64_t count)
        : weight(&weight), start(start), row(row), count(count) {}
    KernelBuilder &b() const { return weight->b; }
    mlir::Value unitAt(const BlockUnit &unit) const;
    mlir::Value wordAt(const BlockUnit &unit);
    mlir::Value number(const BlockScale &place);
    mlir::Value shifted(mlir::Value words, int64_t bits) const;
    mlir::Value bitsOf(const BitPlane &plane, int64_t i, int64_t shift = 0);
    mlir::Value asBytes(mlir::Value words) const;
    mlir::Value singleBitsOf(const BitPlane &plane, int64_t i, int64_t shift);
    mlir::Value factorBits(const BitPlane &plane, int64_t i);
    mlir::Value factor(const PackedIntegers &factors, int64_t i);

    const InterleavedWeight *weight;
    mlir::Value start, row;
    int64_t count;
    /// What was loaded, by the first byte of its unit.
    llvm::SmallDenseMap<uint32_t, mlir::Value> loaded;
  };
  /// The block with element `feature` of `count` rows: row number `row` and those behind it of the interleaved rows at
  /// address `group`.
  Block block(mlir::Value group, mlir::Value row, mlir::Value feature, int64_t count) const;

  /// Bytes from the beginning of a group to its block with element `feature`.
  mlir::Value offsetOfBlock(mlir::Value feature) const;
  /// Bytes of the first `values` values of a block of all rows, if each has the same number of them.
  int64_t bytesOfValues(int64_t values) const { return values * bytesOfBlocks() / blockElements(); }
  /// Lines of the cache in a share of so many values: the first one, and the number behind the last one. It is the
  /// share of the values `i` to `i + count`.
  std::pair<int64_t, int64_t> linesOfShare(int64_t i, int64_t count, int64_t values) const;

private:
  void findPeriod();
  /// The unit that a byte of a block lies in.
  const BlockUnit &unitOf(uint32_t byte) const;
  const BlockLayout &layout() const { return *format->block; }

  KernelBuilder &b;
  const WeightFormat *format;
  int64_t interleave;
  std::vector<BlockUnit> units;
  /// See period(); and the bytes of one row that lie between the words of two periods.
  int64_t integersOfPeriod, bytesOfPeriod = 0;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_INTERLEAVEDWEIGHT_H
