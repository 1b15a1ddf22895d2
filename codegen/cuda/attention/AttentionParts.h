//===- AttentionParts.h - Parts of the keys in one order --------*- C++ -*-===//
//
// A schedule with `part` begins the softmax anew with each part of the positions, and merges the parts of a row in
// their order (Milakov and Gimelshein, 2018). A part has a reference r, a total l = sum_j 2^(score_j - r) and sums
// sum_j 2^(score_j - r) value_j. What was merged before has the same. A row has the same bits whether one block merges
// its parts as it walks them, or another block has each of them, because both use joinParts().
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONPARTS_H
#define QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONPARTS_H

#include "codegen/cuda/vocabulary/CudaBuilder.h"

namespace quipu::codegen::cuda {

/// What a thread has of the softmax of some keys. Halves are those of AttentionScores.h.
struct SoftmaxState {
  using Values = CudaBuilder::Values;

  /// For each half. A total is the thread's own part of it until withWholeTotals().
  Values reference, total;
  /// As AttentionScores::accumulatorOf numbers them.
  Values sums;

  /// All values, for loops and branches that carry them.
  Values pack() const;
  static SoftmaxState unpack(mlir::ValueRange all, int64_t halves);
};

/// Before the first key. `factor`: of the exponents. `sums`: their number.
SoftmaxState softmaxOfNoKeys(CudaBuilder &b, int64_t halves, float factor, int64_t sums);
/// The total of a row is that of its four threads.
SoftmaxState withWholeTotals(CudaBuilder &b, SoftmaxState state);
/// The parts in front of a part, and the part. It has whole totals. `width`: the numbers of a row that the sums are
/// part of. Joined to no keys a part stays as it is.
SoftmaxState joinParts(CudaBuilder &b, const SoftmaxState &before, const SoftmaxState &part, int64_t width);

/// Whether a new part begins with the tile of keys at `tile` (i32, a multiple of the keys of a tile).
mlir::Value beginsPart(CudaBuilder &b, mlir::Value tile, int64_t part);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONPARTS_H
