//===- QuantizedInput.h - Rows of integers and scales -----------*- C++ -*-===//
//
// What `llama.quantize` gives, as integer products read it. For each row:
//
//     integers     one for each feature
//     scales       f32, one for each block of the op
//     corrections  i32, for each part of the weight -offset times the sum of its integers: where sums of products
//                  begin, so that the weight's integers need no subtraction. Where products are added in pairs, two
//                  i16: that of the first two integers of each word, and that of the last two
//     sums         f32, for each part scale times the sum of its integers: what a minimum of the weight is multiplied
//                  by
//
// The last two are there only where the weight has an offset, or minima.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_QUANTIZEDINPUT_H
#define QUIPU_CODEGEN_CPU_QUANTIZEDINPUT_H

#include "codegen/common/LinearRegion.h"
#include "codegen/cpu/IntegerDots.h"
#include "codegen/cpu/KernelFrame.h"

namespace quipu::codegen::cpu {

/// The form of the integers that a kernel multiplies. Its weight lies in blocks.
IntegerForm integerFormOf(const LinearRegion &region, llama::DotKind dot);

/// Types of the workspaces of a kernel over many rows: integers (as words), scales, then corrections and sums where
/// they are there. A vector holds those of `lanes` rows.
llvm::SmallVector<mlir::Type> quantizedWorkspaces(const LinearRegion &region, llama::DotKind dot, int64_t lanes);

/// The rows of one tile of token lanes in the workspaces.
class QuantizedTile {
public:
  QuantizedTile(KernelBuilder &b, const LinearRegion &region, llama::DotKind dot, int64_t lanes,
                const KernelFrame &frame, mlir::Value rowTile);

  /// Vectors over the rows. `feature` is the first of a word, block or part.
  mlir::Value words(mlir::Value feature) const;
  /// Where they lie. Those of the next features follow.
  mlir::Value wordsAt(mlir::Value feature) const { return address(0, b.div(feature, dots.perWord())); }
  mlir::Value scale(mlir::Value feature) const;
  /// Zeros where the weight has no offset.
  mlir::Value correction(mlir::Value feature) const;
  mlir::Value sum(mlir::Value feature) const;

  /// Rounds `count` vectors, features of the block that begins at `feature`, and stores all that belongs to them.
  void store(mlir::Value feature, llvm::ArrayRef<mlir::Value> values) const;

private:
  mlir::Value address(unsigned workspace, mlir::Value index) const;

  KernelBuilder &b;
  IntegerDots dots;
  int64_t lanes, block;
  bool hasCorrections;
  llvm::SmallVector<mlir::Value> bases;
};

/// Rows that a thread has rounded for itself, in its scratch. A vector holds neighbouring features of one row; or one
/// word of it in all lanes, where these have rows of the weight (`hasWeightRows`).
class QuantizedRows {
public:
  QuantizedRows(KernelBuilder &b, const LinearRegion &region, llama::CpuLinearScheduleAttr schedule,
                bool hasWeightRows);

  /// Bytes of a row, a multiple of 64.
  int64_t rowBytes() const;
  /// Rounds the row of `element`s at `source` to `target`.
  void round(mlir::Type element, mlir::Value source, mlir::Value target, int64_t vectorLanes) const;

  /// Lanes of i32 that products are summed to: 16 in wide vectors if their integers lie in one block of the weight.
  static int64_t sumLanes(const LinearRegion &region, llama::CpuLinearScheduleAttr schedule);
  int64_t sumLanes() const { return lanes; }
  /// Integers whose products are summed at once. No lane sums products of two parts of the weight.
  int64_t together() const { return std::max(dots.part(), lanes * dots.perWord()); }
  /// The sums of products of together() integers from `feature` on of the row at `row`, as sumLanes() of i32.
  mlir::Value multiply(mlir::Value weights, mlir::Value row, mlir::Value feature) const;
  /// The scales of `count` parts from `feature` on, a vector.
  mlir::Value scales(mlir::Value row, mlir::Value feature, int64_t count) const;
  /// The sums of as many parts.
  mlir::Value sums(mlir::Value row, mlir::Value feature, int64_t count) const;

  // For lanes with rows of the weight, scalars. The word that begins `behind` features behind `feature`; and of the
  // part that begins there: the scale, where the sum of its products begins (an i32, 0 where the weight has no offset),
  // and the sum. `feature` is a multiple of a power of two that is greater than `behind`.
  mlir::Value wordAt(mlir::Value row, mlir::Value feature, int64_t behind) const;
  mlir::Value scaleOfPart(mlir::Value row, mlir::Value feature, int64_t behind) const;
  mlir::Value startOfPart(mlir::Value row, mlir::Value feature, int64_t behind) const;
  mlir::Value sumOfPart(mlir::Value row, mlir::Value feature, int64_t behind) const;

private:
  /// Integers that a correction is for.
  int64_t corrected() const { return hasWeightRows ? dots.part() : together(); }
  /// Numbers of a correction: one, for the first lane, where all lanes sum products of one part. One number takes an
  /// eighth of the cache. One in all lanes where these have rows of the weight.
  int64_t correctionLanes() const { return hasWeightRows || dots.part() == together() ? 1 : lanes; }
  /// Few rows with a lane for each of its own rows have the offset in a minimum.
  bool offsetIsMinimum() const { return dots.offsetIsMinimum() && !hasWeightRows; }
  bool hasCorrections() const { return dots.offset() && !offsetIsMinimum(); }
  bool hasSums() const { return dots.hasMinimum() || offsetIsMinimum(); }
  mlir::Value integersAt(mlir::Value row, mlir::Value feature) const;
  mlir::Value numberAt(mlir::Value row, mlir::Value feature, int64_t behind, int64_t features, int64_t first) const;
  mlir::Value correctionsAt(mlir::Value row, mlir::Value feature) const;
  mlir::Value multiplyParts(mlir::Value start, mlir::Value weights, mlir::Value integers) const;
  mlir::Value correctionOfPart(mlir::Value totals) const;
  void storeCorrections(mlir::Value target) const;

  KernelBuilder &b;
  IntegerDots dots;
  bool hasWeightRows;
  int64_t inputs, block, lanes;
  int64_t scalesAt, firstCorrection, sumsAt, end;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_QUANTIZEDINPUT_H
