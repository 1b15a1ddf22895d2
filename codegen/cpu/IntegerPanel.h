//===- IntegerPanel.h - Rows of a weight as integers ------------*- C++ -*-===//
//
// The rows of a tile, decoded once into scratch for all rows of the input: for each row its integers, then its scales
// (f32, one for each part) and its minima, where the format has them. Memory of a panel stays in L1.
//
// Neighbouring rows of a weight whose rows lie interleaved are decoded together, and stay interleaved: four integers of
// each, and a scale or minimum of each.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_INTEGERPANEL_H
#define QUIPU_CODEGEN_CPU_INTEGERPANEL_H

#include "codegen/cpu/IntegerDots.h"
#include "codegen/cpu/InterleavedWeight.h"
#include "codegen/cpu/LinearTiles.h"
#include "codegen/cpu/QuantizedInput.h"
#include "codegen/cpu/WeightOperand.h"

namespace quipu::codegen::cpu {

class IntegerPanel {
public:
  IntegerPanel(KernelBuilder &b, const LinearRegion &region, llama::DotKind dot);

  /// Bytes of a decoded row, a multiple of 64.
  static int64_t rowBytes(const LinearRegion &region, llama::DotKind dot);

  /// Decodes the rows at `weightRows` to the memory from `scratch` on, in vectors of `lanes` words.
  void decode(llvm::ArrayRef<mlir::Value> weightRows, int64_t lanes, mlir::Value scratch);
  /// The same of interleaved rows. `alternating`: the first rows of the panel are every other row of the groups.
  void decode(llvm::ArrayRef<LinearTiles::RowGroup> groups, bool alternating, mlir::Value scratch);

  /// sums[row * tiles + t]: the products of the decoded rows and the rows of tile t, vectors of `lanes` f32.
  KernelBuilder::Values multiply(llvm::ArrayRef<QuantizedTile> tiles, int64_t lanes) const;

private:
  struct Places {
    int64_t scales, minima, end;
  };
  static Places places(const LinearRegion &region, const IntegerForm &form);
  /// A decoded row: row number `number` of `together` that are interleaved at address `start`.
  struct Row {
    mlir::Value start;
    int64_t number = 0, together = 1;
  };
  void decodeGroup(const LinearTiles::RowGroup &group, mlir::Value target) const;
  /// Addresses in the memory of a row: of the integer `i` behind the one at `feature`, where a part begins; and of a
  /// number of the part there, in the array that begins `base` bytes behind a row's integers.
  mlir::Value integerAt(const Row &row, mlir::Value feature, int64_t i) const;
  mlir::Value numberAt(const Row &row, int64_t base, mlir::Value feature) const;
  using Multiply = llvm::function_ref<mlir::Value(mlir::Value sum, mlir::Value weights, mlir::Value inputs)>;
  void addWords(llvm::ArrayRef<QuantizedTile> tiles, int64_t lanes, mlir::Value first, int64_t words,
                KernelBuilder::Values &sums, Multiply multiply) const;
  KernelBuilder::Values addInSteps(llvm::ArrayRef<QuantizedTile> tiles, int64_t lanes, mlir::Value first, int64_t words,
                                   llvm::ArrayRef<mlir::Value> starts, Multiply multiply) const;
  KernelBuilder::Values pairsOfPart(llvm::ArrayRef<QuantizedTile> tiles, int64_t lanes, mlir::Value feature,
                                    int64_t words, llvm::ArrayRef<mlir::Value> starts) const;
  KernelBuilder::Values productsOfPart(llvm::ArrayRef<QuantizedTile> tiles, int64_t lanes, mlir::Value feature) const;
  void addParts(llvm::ArrayRef<QuantizedTile> tiles, int64_t lanes, mlir::Value feature,
                KernelBuilder::Values &sums) const;

  KernelBuilder &b;
  IntegerDots dots;
  mlir::RankedTensorType storedType;
  WeightOperand stored;
  int64_t inputs;
  Places at;
  llvm::SmallVector<Row> rows;

  /// Words that are multiplied in a step of a loop.
  static constexpr int64_t kWordsOfStep = 2;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_INTEGERPANEL_H
