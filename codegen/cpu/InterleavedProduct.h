//===- InterleavedProduct.h - Interleaved rows times one row of integers -*- C++ -*-===//
//
// The product of few rows of the input with a weight whose rows lie interleaved. A lane has a row of the weight. A word
// of the input is the same in all lanes. So nothing is summed over lanes, and the weight is one stream of memory, or as
// many as the schedule has.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_INTERLEAVEDPRODUCT_H
#define QUIPU_CODEGEN_CPU_INTERLEAVEDPRODUCT_H

#include "codegen/cpu/InterleavedWeight.h"
#include "codegen/cpu/QuantizedInput.h"

namespace quipu::codegen::cpu {

class InterleavedProduct {
public:
  /// `input`: the rows in the form of interleaved weights.
  InterleavedProduct(KernelBuilder &b, const LinearRegion &region, llama::CpuLinearScheduleAttr schedule,
                     const QuantizedRows &input);

  int64_t rows() const { return weight.rows(); }
  /// Features of a stretch: what is read of `groups` groups of rows for one row of the input, before the next row of
  /// the input reads it again, from L1. All stretches of a group are about as long.
  int64_t stretch(int64_t groups) const;
  /// A group of interleaved rows: its address, and that of the group that is read next in its place.
  struct Group {
    mlir::Value start, next;
  };
  /// sums[i], a vector of f32 with a lane for each row of the weight, and the products of the rows of groups[i] with
  /// the input row at `x`, of the features [first, end). The groups are read side by side. `scratch`: scratchBytes()
  /// for these groups.
  KernelBuilder::Values add(llvm::ArrayRef<mlir::Value> sums, llvm::ArrayRef<Group> groups, mlir::Value x,
                            mlir::Value first, mlir::Value end, mlir::Value scratch) const;
  int64_t scratchBytes(int64_t groups) const;
  /// Asks for the beginning of a group. For that of Group::next add() asks.
  void prefetchStart(mlir::Value group) const;

private:
  /// What the weight has for a part: its scale, and the minimum that is added (null: nothing).
  struct Numbers {
    mlir::Value scale, minimum;
  };
  Numbers numbersOfPart(InterleavedWeight::Block &block, int64_t first) const;
  bool isReadInSteps() const { return weight.period() < weight.blockElements(); }
  KernelBuilder::Values addInSteps(llvm::ArrayRef<mlir::Value> sums, llvm::ArrayRef<Group> groups,
                                   llvm::MutableArrayRef<InterleavedWeight::Block> blocks, mlir::Value x,
                                   mlir::Value feature, mlir::Value scratch) const;
  mlir::Value addParts(InterleavedWeight::Block &block, llvm::ArrayRef<Numbers> numbers, mlir::Value sums,
                       mlir::Value x, mlir::Value k, int64_t first) const;
  void prefetchAhead(llvm::ArrayRef<Group> groups, mlir::Value offset, int64_t first) const;
  mlir::Value productsOfPart(InterleavedWeight::Block &block, mlir::Value x, mlir::Value k, int64_t first) const;
  mlir::Value productsInPlace(InterleavedWeight::Block &block, mlir::Value start, mlir::Value x, mlir::Value k,
                              int64_t first) const;
  mlir::Value inputWord(mlir::Value x, mlir::Value feature, int64_t behind) const;
  /// Bytes of a vector of numbers, one for each row.
  int64_t vectorBytes() const { return weight.rows() * 4; }

  KernelBuilder &b;
  IntegerDots dots;
  const QuantizedRows &input;
  InterleavedWeight weight;
  /// Bytes of a group of rows.
  int64_t groupBytes;
  /// How many bytes ahead of its use the weight is requested. 0: it is not.
  int64_t prefetch;

  /// Three quarters of an L1 of 32 KiB.
  static constexpr int64_t kStretchBytes = 24 * 1024;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_INTERLEAVEDPRODUCT_H
