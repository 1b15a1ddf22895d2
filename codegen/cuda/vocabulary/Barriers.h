//===- Barriers.h - Barriers in shared memory for asynchronous copies -*- C++ -*-===//
//
// An mbarrier (PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier"; sm_90 here) is a word of 8
// bytes in shared memory. It passes through phases. A phase ends when a fixed number of threads have arrived and all
// bytes that they announced have been written. A phase is known by its parity: 0, 1, 0, 1 and so on. A wait for parity
// p returns when the current or next phase of parity p has ended. A new barrier behaves as if a phase of parity 1 had
// just ended, so a wait for parity 1 returns at once.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_BARRIERS_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_BARRIERS_H

#include "codegen/cuda/vocabulary/CudaBuilder.h"

namespace quipu::codegen::cuda {

/// `count` barriers side by side.
class Barriers {
public:
  static constexpr int64_t kBytes = 8;

  Barriers(CudaBuilder &b, mlir::Value first, int64_t count) : b(b), first(first), count(count) {}

  /// Initialises the barriers; one thread calls it. A phase ends after `arrivals` arrivals. publish() makes this
  /// visible to copies and to other blocks of the cluster. Threads see it after the next barrier of the block or
  /// cluster.
  void initialise(int64_t arrivals);
  static void publish(CudaBuilder &b);

  /// The number of barriers.
  int64_t size() const { return count; }
  /// Address of a barrier.
  mlir::Value at(mlir::Value index) { return b.at(first, b.mul(index, kBytes)); }
  /// Waits until the phase of `parity` (i32) has ended.
  void wait(mlir::Value index, mlir::Value parity);
  /// Arrives where `flag` (i32) is not zero.
  void arriveIf(mlir::Value flag, mlir::Value index);
  /// The same at the barrier that block number `block` (i32) of the cluster has at the same offset of its shared
  /// memory.
  void arriveIf(mlir::Value flag, mlir::Value index, mlir::Value block);
  /// The thread arrives as soon as the copies that it has started (CudaBuilder::copyAsync16) are finished.
  void arriveAfterCopies(mlir::Value index);
  /// Arrives and announces that copies will write `bytes` bytes.
  void arriveExpecting(int64_t bytes, mlir::Value index);

private:
  CudaBuilder &b;
  mlir::Value first;
  int64_t count;
};

/// A place in a ring of buffers, each with a barrier: number of the buffer (i32), and parity of the phase to wait for
/// (i32).
struct RingPlace {
  mlir::Value stage, parity;

  /// The first place of a reader, who waits for full buffers, and of a writer, who waits for empty ones.
  static RingPlace ofReader(CudaBuilder &b) { return {b.i32(0), b.i32(0)}; }
  static RingPlace ofWriter(CudaBuilder &b) { return {b.i32(0), b.i32(1)}; }
  RingPlace next(CudaBuilder &b, int64_t stages) const;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_BARRIERS_H
