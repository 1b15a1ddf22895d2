//===- WeightOperand.h - The values of a weight -----------------*- C++ -*-===//
//
// Emitters read weights through this class alone, so that they do not know how values lie in memory. It decodes blocks
// as the table of weight formats says (runtime/abi/WeightFormat.h).
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_WEIGHTOPERAND_H
#define QUIPU_CODEGEN_CPU_WEIGHTOPERAND_H

#include "codegen/cpu/KernelBuilder.h"
#include "ir/Llama/WeightTypes.h"

namespace quipu::codegen::cpu {

/// The small integers of `layout`, a vector of i8 with the offset, as f32 without it.
mlir::Value widenIntegers(KernelBuilder &b, const PackedIntegers &layout, mlir::Value integers);

class WeightOperand {
public:
  /// `weight`: a matrix; or a vector, which is one row.
  WeightOperand(KernelBuilder &b, mlir::Type weight);

  /// Bytes of a row, and of `elements` values, which are whole blocks.
  int64_t rowBytes() const { return bytes(columns); }
  int64_t bytes(int64_t elements) const { return static_cast<int64_t>(format->bytes(static_cast<uint64_t>(elements))); }
  /// Neighbouring values that are loaded together, so that each scale is loaded once: 1 where values are numbers.
  int64_t blockElements() const { return format->blockElements; }
  bool hasBlocks() const { return format->block.has_value(); }
  /// The type of the values where they are numbers.
  mlir::Type numberType() const { return element; }
  /// Most values of a vector that is loaded, of at most `lanes`: they lie side by side.
  int64_t vectorLanes(int64_t lanes) const;
  /// Whether each byte of a block holds an integer of the lower half of `lanes` values, and one of the upper half above
  /// it. `bitsOfLower`: how many bits the lower one has.
  bool bytesHoldBothHalves(int64_t lanes) const;
  int64_t bitsOfLower() const { return layout().integers.low.bits; }
  /// What a block holds.
  const BlockLayout &layout() const { return *format->block; }

  /// Values of a row in a step of the walk along it. Where they lie in blocks, it is whole blocks.
  class Run {
  public:
    /// Values `i` to `i + lanes` of the run, as f32. `i` is a multiple of `lanes`.
    mlir::Value vector(int64_t i, int64_t lanes) const;
    /// Value `i` of the run, as f32; and in all lanes of a vector.
    mlir::Value scalar(int64_t i) const;
    mlir::Value broadcast(int64_t i, int64_t lanes) const;

    // Where values are numbers, for instructions that take them as they lie in memory: those `i` to `i + lanes` of the
    // run; and its first two, of 16 bits, as one i32.
    mlir::Value numbers(int64_t i, int64_t lanes) const;
    mlir::Value pair() const;
    /// Of bf16: the even and the odd ones of the run's first 2 * `lanes` numbers, as f32. Of a word with two of them
    /// one is shifted up, and the other is where it belongs. It takes half of the instructions of widening them in
    /// order.
    std::pair<mlir::Value, mlir::Value> evenAndOdd(int64_t lanes) const;

    // Where values lie in blocks: the small integers `i` to `i + lanes` before the offset is subtracted, as i8; and
    // what value `i` shares with its neighbours, as f32: its scale, and the minimum that is added to it (null: nothing
    // is).
    mlir::Value integers(int64_t i, int64_t lanes) const;
    /// The same integers where a byte holds one of each half of the vector (bytesHoldBothHalves): those of the upper
    /// half times 2^bits, since nothing shifts them. It takes an instruction less.
    mlir::Value integersInPlace(int64_t i, int64_t lanes) const;
    mlir::Value scale(int64_t i) const { return partOf(scales, i); }
    mlir::Value minimum(int64_t i) const { return minima ? partOf(minima, i) : mlir::Value(); }
    /// All scales of the run, one for each `scaleRun` values, as a vector; and the minima (null: there are none).
    mlir::Value allScales() const { return scales; }
    mlir::Value allMinima() const { return minima; }

    /// Asks for what lies `distance` bytes behind the first `elements` values of the run.
    void prefetch(int64_t distance, int64_t elements) const;

  private:
    friend class WeightOperand;
    Run(const WeightOperand &weight, mlir::Value row, mlir::Value first, int64_t blocks);
    mlir::Value bitsOf(const BitPlane &plane, int64_t i, int64_t lanes) const;
    mlir::Value bitsLoadedTogether(const BitPlane &plane, int64_t i, int64_t lanes) const;
    mlir::Value bitsOfTwoRuns(const BitPlane &plane, int64_t i, int64_t lanes) const;
    mlir::Value packed(const PackedIntegers &integers, int64_t i, int64_t lanes) const;
    mlir::Value numbers(const BlockScale &place) const;
    mlir::Value blockAt(int64_t block, int64_t byte) const;
    mlir::Value scaleVector(const BlockScale &place, const std::optional<PackedIntegers> &factors) const;
    mlir::Value partOf(mlir::Value vector, int64_t i) const;

    mlir::Value startOfNumbers() const;

    const WeightOperand *weight;
    mlir::Value row, first;
    int64_t blocks;
    /// Address of the first number, computed where it is first used; or of the first block.
    mutable mlir::Value start;
    /// One for each `scaleRun` values.
    mlir::Value scales, minima;
  };
  /// The run from element `first` on, in the row at address `row`. Where values lie in blocks it has `blocks` of them;
  /// several only if their scales have no factors.
  Run run(mlir::Value row, mlir::Value first, int64_t blocks = 1) const { return {*this, row, first, blocks}; }

private:
  KernelBuilder &b;
  const WeightFormat *format;
  int64_t columns;
  /// Null where values lie in blocks.
  mlir::Type element;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_WEIGHTOPERAND_H
