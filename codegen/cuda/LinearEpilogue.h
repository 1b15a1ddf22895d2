//===- LinearEpilogue.h - What follows the product --------------*- C++ -*-===//
//
// The epilogue of a linear kernel on values in registers: bias, rotary embedding and paged append, SiLU(gate) * up, or
// the residual addition, then the store. All linear emitters use it, whichever way they multiply.
//
// The rows of a weight lie in tiles of 16 (#llama.paired_rows): row p (0..7) of a tile is the first element and row
// p + 8 the second of pair p: a rotary pair, gate and up of one feature, or, in plain weights, features 16 * tile + p and
// 16 * tile + p + 8.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_LINEAREPILOGUE_H
#define QUIPU_CODEGEN_CUDA_LINEAREPILOGUE_H

#include "codegen/common/LinearRegion.h"
#include "codegen/cuda/CudaFrame.h"

namespace quipu::codegen {

/// Sums of neighbouring pairs of one tile for one row of the step.
struct EpilogueValues {
  /// Number of the first pair in its tile (i32, 0..7) and the row of the step (i32).
  mlir::Value pair, row;
  /// Whether the row exists (i1); null: always.
  mlir::Value valid;
  /// f32 sums of pairs pair, pair + 1, ... (1, 2 or 4 of them): first and second elements.
  llvm::SmallVector<mlir::Value> first, second;
};

class LinearEpilogue {
public:
  LinearEpilogue(CudaBuilder &b, LinearRegion &region, const CudaFrame &frame) : b(b), region(region), frame(frame) {}

  /// Finishes and stores values of tile number `tile` (i32). One branch by the kind of tile (query, key, value) for all of
  /// them; rows of the weight beyond N are dropped. After waitForPrevious(). Called by any number of threads; the values
  /// of a call are one thread's.
  void store(mlir::Value tile, llvm::ArrayRef<EpilogueValues> values);

  /// 16-row tiles of the weight.
  static int64_t countTiles(LinearRegion &region) { return (region.outputs() + 15) / 16; }

private:
  CudaBuilder &b;
  LinearRegion &region;
  const CudaFrame &frame;
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_CUDA_LINEAREPILOGUE_H
