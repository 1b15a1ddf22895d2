//===- NumberProduct.h - Products of many rows with numbers -----*- C++ -*-===//
//
// The sums of tiles over many rows where the weight's values are multiplied as numbers: f32, or pairs of bf16. A vector
// holds one feature of `lanes` rows of the input, and a value of the weight is in all lanes.
//
// A tile's rows should stay in L1 while panels of the input go by, and the input should stay in L2. So long rows are
// taken in parts, and the sums wait in scratch from part to part:
//
//   for each part of the inputs                      (one, if rows are short)
//     widen the part of the input rows into scratch  (numbers of 16 bits that are multiplied as f32)
//     for each tile of weight rows
//       widen the part of the tile's rows            (the same; blocks)
//       for each panel of input rows
//         sums += broadcast weight . input vectors
//
// Parts follow each other in the order of the inputs. So they do not change the bits of a sum.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_NUMBERPRODUCT_H
#define QUIPU_CODEGEN_CPU_NUMBERPRODUCT_H

#include "codegen/cpu/LinearTiles.h"
#include "codegen/cpu/WeightOperand.h"

namespace quipu::codegen::cpu {

class NumberProduct {
public:
  NumberProduct(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule);

  /// Inputs of a part of a kernel that has `inputs`: a multiple of the elements of every block, or all.
  static int64_t inputsOfPart(int64_t inputs, llama::DotKind dot);
  int64_t scratchBytes() const;

  /// Says where the input lies in memory, and where scratchBytes() may be written.
  void begin(mlir::Value inputTiles, mlir::Value scratch);

  /// Whether there are several parts, so that sums wait in scratch; and of how many tiles they do.
  bool isInParts() const { return part < inputs; }
  int64_t tilesAtOnce() const;
  /// How many tiles there should be at least in a call of the kernel: so many that preparing the inputs for them takes
  /// little of the time.
  int64_t leastTiles() const;

  /// Calls emit() in a loop over the parts, after their inputs of row tiles [firstRowTile, lastRowTile) were prepared.
  void forEachPart(mlir::Value firstRowTile, mlir::Value lastRowTile, llvm::function_ref<void()> emit);
  /// Prepares the part of some rows of the weight. Gives the addresses from where multiply() reads them.
  llvm::SmallVector<mlir::Value> prepareRows(mlir::ArrayRef<mlir::Value> rows);
  /// sums[row * vectors + v] is a vector over the input rows of row tile `rowTile + v`. The products of the part are
  /// added to them.
  llvm::SmallVector<mlir::Value> multiply(mlir::ArrayRef<mlir::Value> rows, mlir::Value rowTile,
                                          mlir::ArrayRef<mlir::Value> sums);
  llvm::SmallVector<mlir::Value> zeros(int64_t count);

  // The sums that wait in scratch, of tile number `tile` of at most tilesAtOnce(), and of row tile number `rowTile` of
  // the block. All of `tiles` tiles become zero; those of `rows` rows for `vectors` row tiles are loaded or stored.
  void clearSums(mlir::Value tiles);
  llvm::SmallVector<mlir::Value> loadSums(mlir::Value tile, mlir::Value rowTile, int64_t rows, int64_t vectors);
  void storeSums(mlir::ArrayRef<mlir::Value> sums, mlir::Value tile, mlir::Value rowTile, int64_t vectors);

private:
  void widenInput(mlir::Value firstRowTile, mlir::Value lastRowTile);
  llvm::SmallVector<mlir::Value> panelTiles(mlir::Value rowTile, size_t vectors);
  mlir::Value sumsAt(mlir::Value tile, mlir::Value rowTile);

  KernelBuilder &b;
  llama::CpuLinearScheduleAttr schedule;
  /// Rows of a vector, inputs of a row, and inputs of a part of it.
  int64_t lanes, inputs, part;
  bool widenInputs, widenRows;
  /// The weight as it lies in memory, and as products read it.
  WeightOperand stored, weight;
  /// The input as it lies in memory, and as products read it.
  ActivationLayout source, widened;

  /// Bytes of widened rows and of widened input in scratch.
  int64_t rowsBytes = 0, inputBytes = 0;
  /// The input; and in scratch: the rows of a tile, the row tiles of a block, and sums.
  mlir::Value input, rowsInScratch, inputInScratch, sumsInScratch;
  /// The part: its first input, and how many it has.
  mlir::Value first, count;
  /// The first row tile of the block.
  mlir::Value blockStart;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_NUMBERPRODUCT_H
