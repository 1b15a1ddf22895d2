//===- ManyTiles.h - How kernels over many rows divide their tiles -*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_LINEAR_MANYTILES_H
#define QUIPU_CODEGEN_CUDA_LINEAR_MANYTILES_H

#include "codegen/common/LinearRegion.h"
#include "ir/Llama/Llama.h"

#include "llvm/Support/MathExtras.h"

namespace quipu::codegen::cuda {

/// Number of tiles along the rows of a weight with `outputs` rows. If the weight is operand A, it is rounded up to
/// whole clusters.
inline int64_t columnTiles(llama::CudaLinearManyScheduleAttr schedule, int64_t outputs) {
  int64_t tiles = llvm::divideCeil(outputs, schedule.getRows());
  return schedule.getWeightFirst() ? llvm::alignTo(tiles, schedule.getCluster()) : tiles;
}

/// Rows of the input that a stage of wgmma has room for, in a program of up to `maxRows` rows. Where the input is
/// operand A and its only tile has more rows, the others are whatever lies behind them: rows of the result do not mix.
/// Rows of a swizzle stay together.
inline int64_t inputRowsOfStage(int64_t tokens, bool weightFirst, int64_t cluster, int64_t maxRows) {
  constexpr int64_t kSwizzleRows = 8;
  return weightFirst || cluster > 1 ? tokens : std::min<int64_t>(tokens, llvm::alignTo(maxRows, kSwizzleRows));
}

/// Of a kernel with wgmma: whether the rows of a step are the last ones that a block copies of a tile, and the rows in
/// front of them have negative numbers. So it is where a step of up to `maxRows` rows has one tile of rows, and each
/// block copies all of it. The tiles of a kernel that scores begin with row 0, as RowSoftmax takes them.
inline bool tileEndsWithStep(const LinearRegion &region, llama::CudaLinearManyScheduleAttr schedule, int64_t maxRows) {
  return !schedule.getWeightFirst() && schedule.getCluster() == 1 && maxRows <= schedule.getTokens() &&
         !region.has<LogProbStage>();
}

/// Rows of the input and of the weight in a warp's part of a tile of mma. Both are 0 if the warps cannot divide the
/// tile.
struct WarpTile {
  int64_t tokens = 0, rows = 0;
};

/// A warp reads tokens + rows lines for tokens * rows products, so its part is as nearly square as possible.
inline WarpTile divideTile(llama::CudaLinearManyScheduleAttr schedule) {
  WarpTile best;
  for (int64_t along = 1; along <= schedule.getWarps(); ++along) {
    if (schedule.getWarps() % along)
      continue;
    int64_t across = schedule.getWarps() / along;
    if (schedule.getTokens() % (16 * along) || schedule.getRows() % (16 * across))
      continue;
    WarpTile tile{schedule.getTokens() / along, schedule.getRows() / across};
    if (!best.tokens || tile.tokens + tile.rows < best.tokens + best.rows)
      best = tile;
  }
  return best;
}

/// Rows of the weight whose sums, for a row of the step, the four lanes of a quad have together.
inline int64_t rowsOfQuad(llama::CudaLinearManyScheduleAttr schedule) {
  constexpr int64_t kGroupRows = 64;
  if (schedule.getDot() != llama::CudaDot::Wgmma)
    return divideTile(schedule).rows;
  return schedule.getWeightFirst() ? kGroupRows : schedule.getRows();
}

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_LINEAR_MANYTILES_H
