//===- ScheduleLimits.h - The range of every number of a schedule -*- C++ -*-===//
//
// What the verifiers of schedules (ScheduleAttrs.cpp) and the check of the tuning options that become their numbers
// (codegen/schedule/CheckOptions.cpp) agree on. What depends on sizes of a kernel too, such as the bytes of shared
// memory, the emitters check.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_LLAMA_SCHEDULELIMITS_H
#define QUIPU_IR_LLAMA_SCHEDULELIMITS_H

#include "ir/Llama/Llama.h"

#include <cstdint>

namespace quipu::llama {

/// The multiples of `multiple` from `low` to `high`.
struct Limit {
  int64_t low, high, multiple = 1;
  constexpr bool holds(int64_t value) const { return value >= low && value <= high && value % multiple == 0; }
};

// CPU. The code of a tile grows with its accumulators, 2 * run * vectors.
inline constexpr Limit kRunLimit{1, 16}, kFewRunLimit{1, 64}, kVectorsLimit{1, 8}, kRowTilesLimit{1, 65536};
inline constexpr int64_t kMostRunTimesVectors = 64;
inline constexpr Limit kPrefetchLimit{0, 1 << 20}, kLanesLimit{1, 16}, kRowsPerBlockLimit{1, 65536};
inline constexpr Limit kPageKeysLimit{1, 65536};

/// Rows of the input in an AMX tile: its 64 bytes are as many sums of 32 bits.
inline constexpr int64_t kTileLanes = 16;
inline bool usesTiles(DotKind dot) { return dot == DotKind::AmxBf16 || dot == DotKind::AmxInt8; }
/// Two tiles of weights, one for each vector, and the sums of every pair of them make eight, all that a CPU has.
/// Integers need theirs for other sums.
inline int64_t mostTileVectors(DotKind dot) { return dot == DotKind::AmxBf16 ? 2 : 1; }

// CUDA. An mma takes 8 columns or 16 rows at a time, a block has at most 32 warps.
inline constexpr Limit kWarpsLimit{1, 32}, kThreadsLimit{32, 1024, 32}, kStagesLimit{2, 32};
inline constexpr Limit kFewTokensLimit{8, 16, 8}, kAheadLimit{2, 64};
/// The ring's producer is a warp of the block too.
inline constexpr Limit kRingWarpsLimit{1, 31}, kRingDepthLimit{32, 65536, 32}, kRingInFlightLimit{1, 32};
inline constexpr Limit kRingAfterWaitLimit{1, 31};
inline constexpr Limit kTileLimit{16, 256, 16}, kWeightFirstTileLimit{32, 256, 32}, kClusterLimit{1, 2};
inline constexpr Limit kMmaDepthLimit{32, 64, 32}, kWgmmaDepthLimit{64, 256, 64}, kWgmmaWarpsLimit{4, 16, 4};
/// In KiB, at most what a multiprocessor has.
inline constexpr Limit kBurstLimit{0, 256};
inline constexpr Limit kHeadsLimit{1, 128}, kManyTokensLimit{16, 256, 16}, kManyKeysLimit{16, 256, 16};
inline constexpr Limit kFewKeysLimit{1, 65536}, kSplitsLimit{1, 32}, kPartLimit{0, 1 << 30, 16};

} // namespace quipu::llama

#endif // QUIPU_IR_LLAMA_SCHEDULELIMITS_H
