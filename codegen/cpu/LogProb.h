//===- LogProb.h - Probabilities of given tokens, on a CPU ------*- C++ -*-===//
//
// A linear kernel that ends in llama.log_prob keeps two numbers of each tile in a workspace: the largest logit m, and
// the sum of exp(logit - m). The tile that has the target's logit keeps it too. When all tiles are done, an entry of
// the kernel joins them. So no logits are stored.
//
//   log_prob = target's logit - M - log(sum_tiles sum * exp(m - M)),   M = max_tiles m
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_LOGPROB_H
#define QUIPU_CODEGEN_CPU_LOGPROB_H

#include "codegen/cpu/TileNumbers.h"

namespace quipu::codegen::cpu {

/// What the tiles of a linear kernel over few rows leave in its workspace: a row has the maxima of all tiles, then
/// their sums, then the target's logit.
class SoftmaxOfTiles : TileNumbers {
public:
  using TileNumbers::TileNumbers;

  /// The type of the workspace.
  static mlir::Type workspace(LinearTiles &region, llama::CpuLinearScheduleAttr schedule);

  /// Keeps the logits of tile number `tile` in `row`, the address of a row of the workspace. They are vectors.
  void keep(llvm::ArrayRef<mlir::Value> logits, mlir::Value row, mlir::Value tile);
  /// Keeps the target's logit if it is one of a vector's. `first`: index of the vector's first logit (i64). `target`:
  /// an i64.
  void keepTarget(mlir::Value logits, mlir::Value first, mlir::Value target, mlir::Value row);
  /// The log_prob of a row of the workspace for its target (i32).
  mlir::Value score(mlir::Value row, mlir::Value target);

  int64_t rowBytes() const { return (2 * tiles + 1) * kBytes; }

private:
  mlir::Value placeOfTarget(mlir::Value row) { return b.at(row, 2 * tiles * kBytes); }
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_LOGPROB_H
