//===- ArgMax.h - The most likely token of each row, on a CPU ---*- C++ -*-===//
//
// A linear kernel that ends in logits and llama.sample keeps two numbers of each tile in a workspace: the order of the
// tile's largest logit, and its index. When all tiles are done, an entry of the kernel finds the best of them. So
// nobody reads all logits again.
//
// The order of a logit is an i32. A larger logit has a larger order, and a logit that is NaN or infinite has the
// largest of all. So the order of the best shows whether the row has such a logit.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_ARGMAX_H
#define QUIPU_CODEGEN_CPU_ARGMAX_H

#include "codegen/cpu/TileNumbers.h"

namespace quipu::codegen::cpu {

/// The largest of some logits of a row. Of equal ones it is that with the lowest index. Both are i32.
struct BestLogit {
  mlir::Value order, index;
};

/// The orders and indices that the tiles of a linear kernel over few rows leave in its workspace: a row has the orders
/// of all tiles, then their indices.
class BestOfTiles : TileNumbers {
public:
  using TileNumbers::TileNumbers;

  /// The type of the workspace.
  static mlir::Type workspace(LinearTiles &region, llama::CpuLinearScheduleAttr schedule);

  /// The best of a vector of logits, the first of which has index `first` (i64).
  BestLogit of(mlir::Value logits, mlir::Value first);
  /// The better of two. All indices of `a` are lower than those of `c`.
  BestLogit better(const BestLogit &a, const BestLogit &c);

  /// Stores the best of tile number `tile` into `row`, the address of a row of the workspace.
  void store(const BestLogit &best, mlir::Value row, mlir::Value tile);
  /// The token that a row of the workspace chooses; -1 if a logit is NaN or infinite.
  mlir::Value choose(mlir::Value row);

  int64_t rowBytes() const { return 2 * tiles * kBytes; }

private:
  mlir::Value reduce(mlir::vector::CombiningKind kind, mlir::Value vector);
  /// The lowest of the indices whose order is `order`.
  mlir::Value lowestIndex(mlir::Value orders, mlir::Value order, mlir::Value indices);
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_ARGMAX_H
