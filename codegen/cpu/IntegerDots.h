//===- IntegerDots.h - Dot products of small integers -----------*- C++ -*-===//
//
// A word is 32 bits of neighbouring integers of a row: four of 8 bits, or two of 16 bits. A dot product multiplies the
// words of two vectors, and adds the products of each word to a lane of i32. Where a CPU has no such instruction for
// 8 bits (Int8Pairs), one adds products in pairs to lanes of i16, and another adds these to i32.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_INTEGERDOTS_H
#define QUIPU_CODEGEN_CPU_INTEGERDOTS_H

#include "codegen/cpu/KernelBuilder.h"
#include "ir/Llama/Llama.h"
#include "runtime/abi/WeightFormat.h"

#include <limits>

namespace quipu::codegen::cpu {

inline bool multipliesIntegers(llama::DotKind dot) {
  return dot == llama::DotKind::Int8 || dot == llama::DotKind::Int8Pairs || dot == llama::DotKind::Int16 ||
         dot == llama::DotKind::AmxInt8;
}

/// Magnitude of the integers that inputs are rounded to.
inline constexpr int64_t kLargestInput = 127;

/// Integers that are multiplied with one scale of a weight and one of the input.
inline constexpr int64_t kIntegersTogether = 32;

/// What a kind of dot product and a format of weights agree on.
class IntegerForm {
public:
  IntegerForm(llama::DotKind dot, const BlockLayout &weight) : dot(dot), layout(weight) {}

  /// Integers of a word, and bytes of an integer.
  int64_t perWord() const { return isBytes() ? 4 : 2; }
  int64_t integerBytes() const { return isBytes() ? 1 : 2; }
  /// Values of a row of the weight that share a scale, at most kIntegersTogether.
  int64_t part() const { return std::min<int64_t>(layout.scaleRun, kIntegersTogether); }
  /// Parts that are multiplied with one scale of the input.
  int64_t partsTogether() const { return kIntegersTogether / part(); }
  /// What the integers of a weight are too large by, as prepare() gives them.
  int64_t offset() const { return hasSignedWeights() ? 0 : layout.integers.offset + (isShifted() ? 128 : 0); }
  bool hasMinimum() const { return layout.minimum.has_value(); }
  /// The CPU adds products of bytes in pairs only.
  bool addsPairs() const { return dot == llama::DotKind::Int8Pairs; }
  /// One instruction multiplies and adds to a sum. LLVM cannot change the order of such additions.
  bool addsInOneStep() const { return dot == llama::DotKind::Int8; }
  /// Sums of two products that a lane of i16 holds (Int8Pairs), behind a start that takes the offset back. Sums in
  /// between may be larger: they wrap around.
  int64_t sumsOf16Bits() const {
    int64_t values = int64_t(1) << layout.integers.bits();
    int64_t largest = layout.integers.isSigned ? values / 2 : std::max(values - 1 - offset(), offset());
    return std::numeric_limits<int16_t>::max() / (2 * largest * kLargestInput);
  }
  /// Few rows: what the offset adds is taken back as a minimum would be, for several parts at once. It takes fewer
  /// instructions than where the sums of each part begin.
  bool offsetIsMinimum() const { return addsPairs() && offset() != 0; }

protected:
  bool isBytes() const { return dot != llama::DotKind::Int16; }
  /// Both operands are signed, so that the offset is subtracted when the integers of a weight are unpacked.
  bool hasSignedWeights() const {
    return dot == llama::DotKind::Int8Pairs ? layout.integers.isSigned : dot != llama::DotKind::Int8;
  }
  /// Signed bytes become unsigned ones by adding 128.
  bool isShifted() const { return dot == llama::DotKind::Int8 && layout.integers.isSigned; }

  llama::DotKind dot;
  const BlockLayout &layout;
};

class IntegerDots : public IntegerForm {
public:
  IntegerDots(KernelBuilder &b, const IntegerForm &form) : IntegerForm(form), b(b) {}

  /// The element of a vector of integers.
  mlir::Type element() const { return b.getIntegerType(isBytes() ? 8 : 16); }
  /// Integers of a weight as dot() takes them, from those of WeightOperand (a vector of i8): unsigned for
  /// Int8, else signed.
  mlir::Value prepare(mlir::Value integers) const;
  /// What runs of a block share, one for each part, from one for each run.
  mlir::Value ofParts(mlir::Value numbers, int64_t blockElements) const;
  /// accumulator[i] + sum of weights[j] * inputs[j] over word i. Vectors of `element()`, perWord() for each lane.
  mlir::Value multiply(mlir::Value accumulator, mlir::Value weights, mlir::Value inputs) const;

  // The two steps of multiply() with Int8Pairs: vectors of i16, which hold sumsOf16Bits() of them when they are added;
  // and neighbours of these added, as i32.
  mlir::Value multiplyPairs(mlir::Value weights, mlir::Value inputs) const;
  mlir::Value addNeighbours(mlir::Value sums) const;

  /// The products of a part, as i32, on top of `start`: vectors of `lanes`. For the word that begins at integer i of
  /// the part, wordsAt(i) gives those of the weight, prepared, and of the input.
  mlir::Value productsOfPart(mlir::Value start, int64_t lanes,
                             llvm::function_ref<std::pair<mlir::Value, mlir::Value>(int64_t)> wordsAt) const;

  /// Adds the products of part `number` of partsTogether(), as i32, to `sum`, times the scales of the weight and of the
  /// input. Where parts have one scale of the input, it comes behind the last of them, which takes fewer instructions.
  /// Until then `together` keeps what the parts before have, and then `sum` stays as it is. All kernels add with this,
  /// so that their sums have the same bits.
  void addScaled(mlir::Value products, mlir::Value weightScale, mlir::Value inputScale, int64_t number,
                 mlir::Value &together, mlir::Value &sum) const;

private:
  mlir::Value call(llvm::StringRef intrinsic, mlir::Type type, mlir::ValueRange operands) const;

  KernelBuilder &b;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_INTEGERDOTS_H
