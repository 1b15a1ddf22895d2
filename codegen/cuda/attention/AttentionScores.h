//===- AttentionScores.h - The running softmax of many rows -----*- C++ -*-===//
//
// What kernels of attention for many rows do with the scores of a tile of keys, whichever instruction computed them. A
// thread holds accumulators in the layout of mma and wgmma: of each tile of 16 rows two halves, rows g and g + 8
// (g = lane / 4), and of every eight keys its two neighbours.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONSCORES_H
#define QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONSCORES_H

#include "codegen/cuda/attention/AttentionRows.h"

#include <numbers>
#include <optional>

namespace quipu::codegen::cuda {

/// Scores times this are exponents of two.
inline float exponentFactor(llama::AttentionOp attention) {
  return static_cast<float>(attention.getScale().convertToDouble() * std::numbers::log2e);
}

class AttentionScores {
public:
  using Value = mlir::Value;
  using Values = CudaBuilder::Values;
  using Predicate = CudaBuilder::Predicate;

  /// Tiles of `keys` keys, for `halves` halves of a thread.
  AttentionScores(CudaBuilder &b, AttentionRows &rows, llama::AttentionOp attention, int64_t keys, int64_t halves)
      : factor(exponentFactor(attention)), b(b), rows(rows), window(attention.getWindow()), keys(keys), halves(halves) {
  }

  /// Number among the accumulators of a thread of the `i`-th (of width / 4) of a half, for rows of `width` numbers.
  static int64_t accumulatorOf(int64_t half, int64_t i, int64_t width) {
    return half / 2 * width / 2 + i / 2 * 4 + half % 2 * 2 + i % 2;
  }
  int64_t scoreOf(int64_t half, int64_t i) const { return accumulatorOf(half, i, keys); }

  /// Turns to a run in which the warp's rows have positions from `common` to `last`: no row sees less than the keys up
  /// to `common`, in a window from that of `last` on.
  void enterRun(Value common, Value last);

  /// Masks the scores of the keys from `tile` on that a row does not see, unless all rows of the warp see them all.
  /// `findLane` and `rowOf` (of a half, counted from the first row of the block) are called where scores are masked.
  Values mask(Value tile, llvm::ArrayRef<Value> scores, llvm::function_ref<Value()> findLane,
              llvm::function_ref<Value(int64_t)> rowOf);

  /// The greatest score of each half, and whether that of any row of the warp exceeds its reference by too much.
  struct Growth {
    Values greatest;
    Value isTooFar;
  };
  Growth findGrowth(llvm::ArrayRef<Value> scores, llvm::ArrayRef<Value> references);
  /// The reference that follows, in all four threads of the row.
  Value raise(Value reference, Value greatest);

  const float factor;

private:
  CudaBuilder &b;
  AttentionRows &rows;
  std::optional<int64_t> window;
  int64_t keys, halves;
  /// Of the run: greatest and, in a window, least key that all rows of the warp see.
  Value common, first;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONSCORES_H
