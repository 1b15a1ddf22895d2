//===- RowBounds.h - Where programs for GPUs end and schedules change -*- C++ -*-===//
//
// A program has one schedule for all steps that it takes. So the programs of a compilation end at the numbers of rows
// at which llama-select-schedules chooses another way to compute.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_SCHEDULE_ROWBOUNDS_H
#define QUIPU_CODEGEN_SCHEDULE_ROWBOUNDS_H

#include <cstdint>

namespace quipu::codegen {

/// Most rows of a step whose linear kernels keep the weight in registers.
inline constexpr int64_t kFewRows = 8;
/// The same where the kernels of a single tile use wgmma, which then are faster from two rows on.
inline constexpr int64_t kFewRowsBesideWgmma = 1;
/// Most rows of a step whose linear kernels have a single tile of input rows, and whose attention works on each row by
/// itself.
inline constexpr int64_t kOneTileRows = 64;
/// Where programs with a single tile end, with wgmma. Buffers have room for as many rows of the input as the program
/// may have, and so the less for the weight.
inline constexpr int64_t kTileBounds[] = {kFewRows, 16, 32, kOneTileRows};
/// The same of a decode step with wgmma, where a tile has 128 rows of the input.
inline constexpr int64_t kHighTileRows = 128;
/// Most rows of a step whose linear kernels have two such tiles. They are narrow, so that all multiprocessors have one.
inline constexpr int64_t kTwoTileRows = 256;
/// Most rows of a step whose attention has too few blocks for two on a multiprocessor. Also most rows of a decode step.
inline constexpr int64_t kMediumRows = 512;

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_SCHEDULE_ROWBOUNDS_H
