//===- AmxProduct.h - Products of tiles of a weight -------------*- C++ -*-===//
//
// The rows of a tile of a section (LinearTiles.h), times rows of the input that lie in token lanes. A run is the rows
// of an operand register. The rows of the weight are brought into the form of these registers once, in scratch, for all
// rows of the input; the input in token lanes has the form of the other operand as it is. Rows that lie interleaved are
// transposed on the way: a register has the values of a row side by side.
//
// bf16: sums stay in registers over all inputs, two runs times two vectors at a time.
//
// Integers: a product of registers covers a part, the values that share a scale. Its sums of i32 go through scratch to
// vector registers, where they are multiplied with both scales:
//
//   sums[row] = products of the first two parts
//   for each further two parts
//     tiles    products of these two parts, to one half of the scratch
//     vectors  sums[row] += scale of the weight * scale of the input * products of the two parts before
//
// So the tile unit and the vector units work at the same time.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_AMXPRODUCT_H
#define QUIPU_CODEGEN_CPU_AMXPRODUCT_H

#include "codegen/cpu/AmxTiles.h"
#include "codegen/cpu/InterleavedWeight.h"
#include "codegen/cpu/LinearTiles.h"
#include "codegen/cpu/QuantizedInput.h"
#include "codegen/cpu/WeightOperand.h"

namespace quipu::codegen::cpu {

/// Values of a row of bf16 in a register. Rows of the weight are whole multiples of it.
inline constexpr int64_t kBf16InTile = AmxTiles::kRowBytes / 2;

class AmxProduct {
public:
  AmxProduct(KernelBuilder &b, const LinearRegion &region, llama::CpuLinearScheduleAttr schedule,
             const Section &section, mlir::Value scratch);

  /// Bytes of scratch for any section.
  static int64_t scratchBytes(const LinearRegion &region, llama::CpuLinearScheduleAttr schedule);

  /// Gives the registers the shapes of the section.
  void configure() const;
  /// Brings the rows at `weightRows` (those of the first run, then those of the second) into the form of registers.
  void decode(llvm::ArrayRef<mlir::Value> weightRows) const;
  /// The same, of a weight whose rows lie interleaved. Groups are whole.
  void decode(llvm::ArrayRef<LinearTiles::RowGroup> groups) const;

  /// Multiplies the decoded rows and the rows of the input whose tiles begin at these addresses, of bf16.
  void multiply(llvm::ArrayRef<mlir::Value> inputTiles) const;
  /// The same, of integers.
  void multiply(const QuantizedTile &tile) const;
  /// The sums that multiply() has left: of `count` rows of a run from `first` on, vectors over the rows of input tile
  /// `vector`.
  KernelBuilder::Values sums(mlir::Value vector, int64_t run, mlir::Value first, int64_t count) const;

private:
  /// Where things lie in scratch, as bytes from its start.
  struct Places {
    int64_t sums, products, weights, scales, minima, end;
    /// Bytes of the scales of a row.
    int64_t scaleRowBytes;
  };
  static Places places(const LinearRegion &region, llama::CpuLinearScheduleAttr schedule);

  /// Two of everything, so that products of neighbouring parts do not wait for each other. If parts are halves of what
  /// has one scale of the input, both halves are here.
  static constexpr int64_t kPartsTogether = 2;

  void decodeNumbers(mlir::Value from, int64_t run, mlir::Value row) const;
  void decodeBlocks(mlir::Value from, int64_t run, mlir::Value row) const;
  void decodeGroup(const LinearTiles::RowGroup &group, int64_t firstRow) const;
  /// Row `row` of the tile, counted as groups of interleaved rows have them, as the number of a run and a row of it.
  std::pair<int64_t, int64_t> placeInRuns(int64_t row) const;
  /// Where row `row` of run `run` lies in the operand of the values from `feature` on.
  mlir::Value operandAt(mlir::Value feature, int64_t run, mlir::Value row) const;
  mlir::Value scaleAt(int64_t base, mlir::Value row, mlir::Value feature) const;
  /// The same of row `row` of run `run`, wherever the rows' scales lie.
  mlir::Value scaleOf(int64_t base, int64_t run, int64_t row, mlir::Value feature) const;
  /// The scales of a group of interleaved rows that begins at row `row` of the tile.
  mlir::Value groupScalesAt(int64_t base, int64_t row, mlir::Value feature) const;
  mlir::Value sumsAt(mlir::Value vector, mlir::Value row) const;
  /// The half of the scratch for products that `number` of a step chooses.
  mlir::Value productsAt(mlir::Value number) const;

  void multiplyRun(const QuantizedTile &tile, int64_t run) const;
  void multiplyParts(const QuantizedTile &tile, int64_t run, mlir::Value feature, int64_t parts,
                     mlir::Value products) const;
  KernelBuilder::Values addParts(const QuantizedTile &tile, int64_t run, mlir::Value feature, int64_t parts,
                                 mlir::Value products, mlir::ValueRange sums) const;

  KernelBuilder &b;
  AmxTiles tiles;
  llama::CpuLinearScheduleAttr schedule;
  const Section &section;
  mlir::Value scratch;
  mlir::RankedTensorType weightType;
  WeightOperand stored;
  /// Of a weight in blocks.
  std::optional<IntegerDots> dots;
  int64_t inputs;
  /// Rows of a run, and runs of the section.
  int64_t run, runs;
  /// Values of a row in an operand register, and their bytes.
  int64_t depth, depthBytes;
  Places at;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_AMXPRODUCT_H
