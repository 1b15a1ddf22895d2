//===- AttentionScores.h - The running softmax of many rows -----*- C++ -*-===//
//
// What kernels of attention for many rows do with the scores of a tile of keys. It is the same for mma and wgmma,
// because their accumulators have one layout. A tile has 16 rows. A thread has two of them, its halves: rows g and g +
// 8, where g = lane / 4. Of every eight keys it has two neighbours.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONSCORES_H
#define QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONSCORES_H

#include "codegen/cuda/attention/AttentionRows.h"

#include <numbers>
#include <optional>

namespace quipu::codegen::cuda {

/// Scores multiplied by this factor are exponents of two: exp(scale * score) = 2^(factor * score).
inline float exponentFactor(llama::AttentionOp attention) {
  return static_cast<float>(attention.getScale().convertToDouble() * std::numbers::log2e);
}

class AttentionScores {
public:
  using Value = mlir::Value;
  using Values = CudaBuilder::Values;
  using Predicate = CudaBuilder::Predicate;

  /// `keys`: keys of a tile. `halves`: halves that a thread has.
  AttentionScores(CudaBuilder &b, AttentionRows &rows, llama::AttentionOp attention, int64_t keys, int64_t halves)
      : factor(exponentFactor(attention)), b(b), rows(rows), window(attention.getWindow()), keys(keys), halves(halves) {
  }

  /// Index in a thread's accumulators of number `i` of a half. A row has `width` numbers, and a half has width / 4 of
  /// them.
  static int64_t accumulatorOf(int64_t half, int64_t i, int64_t width) {
    return half / 2 * width / 2 + i / 2 * 4 + half % 2 * 2 + i % 2;
  }
  int64_t scoreOf(int64_t half, int64_t i) const { return accumulatorOf(half, i, keys); }

  /// Call it when the warp begins with a run whose rows have positions `common` to `last` (i32). All rows see the keys
  /// up to `common`. With a window they see the keys from the first one that row `last` sees.
  void enterRun(Value common, Value last);

  /// Masks the scores of keys that a row does not see. `tile`: first key of the tile. The code branches around it if
  /// all rows of the warp see all keys. findLane() and rowOf(half), the row in the block, are called inside the branch.
  Values mask(Value tile, llvm::ArrayRef<Value> scores, llvm::function_ref<Value()> findLane,
              llvm::function_ref<Value(int64_t)> rowOf);

  /// The greatest score of each half, and whether a score of any row of the warp exceeds the row's reference by more
  /// than kGrowth.
  struct Growth {
    Values greatest;
    Value isTooFar;
  };
  Growth findGrowth(llvm::ArrayRef<Value> scores, llvm::ArrayRef<Value> references);
  /// The next reference of a row: the old one unless the row's own scores exceed it too far. So it does not depend on
  /// the other rows of the warp, and nor do the bits of the row's sums. The four threads of the row get the same.
  Value raise(Value reference, Value greatest);

  const float factor;

private:
  CudaBuilder &b;
  AttentionRows &rows;
  std::optional<int64_t> window;
  int64_t keys, halves;
  /// The greatest key that all rows of the warp see in the run. With a window also the least.
  Value common, first;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONSCORES_H
