//===- OrderedProduct.h - Products of few rows in the order of inputs -*- C++ -*-===//
//
// The sums of a tile over few rows of the input, added as kernels over many rows add them (NumberProduct.h,
// IntegerPanel.h): one product after the other in the order of the inputs; of integers one part after the other. So a
// row of the result has the same bits in both.
//
// A lane of a vector has a row of the weight. Rows lie one behind the other in memory, so they are transposed:
//
//   for each stretch of the inputs
//     decode the stretch of the tile's rows into scratch       (blocks, f16)
//     for each line of words
//       write them to scratch, for each word a vector over the rows
//       sums += words . broadcast input                        (the first row of the input)
//     for each other row of the input
//       sums += words . broadcast input                        (the words are in L1)
//
// A word is an f32, two of bf16, or some integers. Integers have scales and minima, which are transposed likewise.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_ORDEREDPRODUCT_H
#define QUIPU_CODEGEN_CPU_ORDEREDPRODUCT_H

#include "codegen/cpu/LinearTiles.h"
#include "codegen/cpu/QuantizedInput.h"
#include "codegen/cpu/WeightOperand.h"

namespace quipu::codegen::cpu {

class OrderedProduct {
public:
  /// `integers`: the rows of the input where they are rounded, for lanes with rows of the weight (null: they are not).
  OrderedProduct(KernelBuilder &b, LinearTiles &region, llama::CpuLinearScheduleAttr schedule,
                 const QuantizedRows *integers = nullptr);

  /// Whether the input must be f32 in memory, and is not.
  bool wantsWideInput() const;
  int64_t scratchBytes() const;
  /// Bytes of the sums of a tile for one row of the input: those of the first run, then those of the second.
  int64_t sumsBytes() const { return groups * lanes * 4; }

  /// Row t of the input is at `input + t * inputRowBytes`, and the sums of a tile for it at `sums + t * sumsRowBytes`.
  struct Rows {
    mlir::Value rows, input;
    int64_t inputRowBytes;
    mlir::Value sums;
    int64_t sumsRowBytes;
  };
  /// Stores the sums of a tile for all rows. `scratch`: scratchBytes() that may be written.
  void emit(const KernelFrame &frame, const Section &section, mlir::Value rowOffset, const Rows &rows,
            mlir::Value scratch);

private:
  /// Words of one kind: of a stretch of a row they follow each other, from `inRow` on if rows are decoded. In scratch
  /// those of all rows follow each other, word after word, from `inScratch` on.
  struct Plane {
    int64_t featuresOfWord = 0, inRow = 0, inScratch = 0;
  };
  struct Tile;
  void decodeRows(const Tile &tile, mlir::Value first, int64_t features);
  void decodeNumbers(const WeightOperand::Run &run, mlir::Value target, mlir::Value k, int64_t count);
  void decodeIntegers(const WeightOperand::Run &run, mlir::Value target, mlir::Value k);
  void addFirstRow(const Tile &tile, mlir::Value first, int64_t features);
  void requestNextTile(const Tile &tile, mlir::Value word);
  void transpose(llvm::ArrayRef<mlir::Value> rows, const Tile &tile, const Plane &plane, mlir::Value first,
                 int64_t count);

  /// Some rows of the input: the first feature of the stretch, the address of each row, and those of its sums.
  struct InputRows {
    mlir::Value first;
    llvm::SmallVector<mlir::Value> addresses, sums;
  };
  InputRows inputRows(const Tile &tile, mlir::Value row, int64_t count, mlir::Value first);
  KernelBuilder::Values loadSums(const InputRows &input);
  void storeSums(const InputRows &input, llvm::ArrayRef<mlir::Value> sums);
  void addOtherRows(const Tile &tile, mlir::Value first, int64_t features);
  void addWords(const Tile &tile, const InputRows &input, mlir::Value first, int64_t count,
                KernelBuilder::Values &sums);
  /// Adds the products of the numbers of a word, or of the integers from word `firstWord` on that have one scale of the
  /// input, to sums[row * groups + group].
  void addWord(const Tile &tile, const InputRows &input, mlir::Value word, KernelBuilder::Values &sums);
  void addParts(const Tile &tile, const InputRows &input, mlir::Value firstWord, KernelBuilder::Values &sums);
  /// Word `word` of a plane of the rows of a group: where it lies, and what it is, as i32.
  mlir::Value wordsAt(const Tile &tile, const Plane &plane, mlir::Value word, int64_t group);
  mlir::Value wordsOf(const Tile &tile, const Plane &plane, mlir::Value word, int64_t group);
  mlir::Value decodedRow(const Tile &tile, mlir::Value row) const;

  KernelBuilder &b;
  LinearTiles &region;
  llama::CpuLinearScheduleAttr schedule;
  const QuantizedRows *integers;
  std::optional<IntegerDots> dots;
  WeightOperand weight;
  int64_t inputs, lanes;
  /// Vectors that hold the sums of a tile.
  int64_t groups;
  /// Words have two numbers of bf16.
  bool hasPairs;
  /// Rows are decoded into scratch before they are transposed.
  bool decodes;
  /// Features of a stretch.
  int64_t stretch;
  /// Words; and the scales and minima of integers.
  Plane words;
  std::optional<Plane> scales, minima;
  /// Bytes of a decoded row, and of what is transposed.
  int64_t rowBytes = 0, planesBytes = 0;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_ORDEREDPRODUCT_H
