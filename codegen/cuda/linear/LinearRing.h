//===- LinearRing.h - A weight that streams through shared memory -*- C++ -*-===//
//
// What the producer and the consumers of LinearFewRing.cpp share: sizes, the layout of shared memory, and the ring of
// buffers through which the weight comes. A buffer has a piece of a unit (kUnitRows rows by `depth` elements of K) and
// the number of the unit. The number kNoUnit and no bytes mark the end.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_LINEAR_LINEARRING_H
#define QUIPU_CODEGEN_CUDA_LINEAR_LINEARRING_H

#include "codegen/common/LinearRegion.h"
#include "codegen/cuda/vocabulary/Barriers.h"
#include "codegen/cuda/vocabulary/CudaFrame.h"

namespace quipu::codegen::cuda {

/// Sizes that are known when the kernel is generated. Names with Bytes, Offset and Stride are in bytes of shared
/// memory.
struct RingGeometry {
  RingGeometry(LinearRegion &region, llama::CudaLinearRingScheduleAttr schedule, const CudaTarget &target);

  /// A unit is half of a tile of 16 rows of the weight: rows 4h ... 4h + 3 of the tile and their partners, 8 further
  /// (LinearEpilogue.h).
  static constexpr int64_t kUnitRows = 8, kUnitPairs = kUnitRows / 2, kUnitsOfTile = 16 / kUnitRows;
  static constexpr int64_t kNoUnit = -1;

  /// Threads of the consumers.
  int64_t threads() const { return 32 * warps; }
  /// Whether blocks draw units (LinearRing.cpp), or all units are settled.
  bool drawsUnits() const { return rounds * blocks < units; }
  /// Elements of K in the last piece of a row.
  int64_t lastDepth() const { return inputs - (pieces - 1) * depth; }
  /// Eight lanes read 64 bytes of each of two neighbouring rows. The rows begin 64 bytes apart in the banks, so they
  /// use different banks.
  static int64_t rowStride(int64_t elements) { return llvm::alignTo(2 * elements, 128) + 64; }
  int64_t slotStride() const { return rowStride(depth); }
  int64_t slotBytes() const { return kUnitRows * slotStride(); }
  int64_t inputBytes() const { return rowStride(inputs); }
  /// Room for the warps' sums of a unit: eight sums of each warp, and 16 bytes to spread units over the banks.
  int64_t sumsStride() const { return warps * kUnitRows * 4 + 16; }

  /// Emits body(depth of the piece, first element of K (i32), carried values) for each piece of a row. The last piece
  /// may be shorter. `body` returns the next carried values.
  CudaBuilder::Values
  forPieces(CudaBuilder &b, CudaBuilder::Values carried,
            llvm::function_ref<CudaBuilder::Values(int64_t, mlir::Value, mlir::ValueRange)> body) const;

  int64_t inputs, warps, stages, depth;
  /// Pieces of a row; units of the weight; blocks.
  int64_t pieces = 0, units = 0, blocks = 0;
  /// Settled units of a block: about as many as fill the ring.
  int64_t rounds = 0;
  /// Units whose sums lie in shared memory until the block finishes them together.
  int64_t batch = 0;
  int64_t inputOffset, sumsOffset, squaresOffset, unitsOffset, fullOffset, emptyOffset, sharedBytes;
};

/// The buffers with their barriers.
struct WeightRing {
  WeightRing(CudaBuilder &b, const RingGeometry &size)
      : shared(b.shared()), full(b, b.at(shared, size.fullOffset), size.stages),
        empty(b, b.at(shared, size.emptyOffset), size.stages) {}

  mlir::Value shared;
  Barriers full, empty;
};

/// Emits the work of the producer, which is one warp. `counter`: name of a global i32 of the kernel; it is 0 between
/// launches.
void emitRingProducer(CudaBuilder &b, LinearRegion &region, llama::CudaLinearRingScheduleAttr schedule,
                      const RingGeometry &size, const CudaFrame &frame, WeightRing &ring, llvm::StringRef counter);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_LINEAR_LINEARRING_H
