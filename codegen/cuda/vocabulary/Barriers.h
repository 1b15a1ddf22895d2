//===- Barriers.h - Barriers in shared memory for asynchronous copies -*- C++ -*-===//
//
// An mbarrier (PTX ISA, "Parallel Synchronization and Communication Instructions: mbarrier"; sm_90 here) is a word of 8
// bytes in shared memory that passes through phases. A phase ends when as many threads as the barrier counts have
// arrived and all bytes that they announced have been written; phases are told apart by their parity, that of the first
// being 0. A wait for parity p returns once the phase of parity p has ended, so a wait for 1 on a new barrier returns
// at once: what lies in front of its first phase counts as an odd one.
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

  /// By one thread: every phase takes `arrivals` arrivals. publish() makes it known to copies and other blocks of the
  /// cluster; threads see it behind the next barrier of the block or cluster.
  void initialise(int64_t arrivals);
  static void publish(CudaBuilder &b);

  /// Address of a barrier.
  mlir::Value at(mlir::Value index) { return b.at(first, b.mul(index, kBytes)); }
  /// Until the phase of `parity` (i32) has ended.
  void wait(mlir::Value index, mlir::Value parity);
  /// Arrives where `flag` (i32) is not zero.
  void arriveIf(mlir::Value flag, mlir::Value index);
  /// The same at the barrier in the same place of block number `block` of the cluster.
  void arriveIf(mlir::Value flag, mlir::Value index, mlir::Value block);
  /// Arrives when the copies that the thread has started (CudaBuilder::copyAsync16) have landed.
  void arriveAfterCopies(mlir::Value index);
  /// Arrives and announces bytes that copies will write.
  void arriveExpecting(int64_t bytes, mlir::Value index);

private:
  CudaBuilder &b;
  mlir::Value first;
  int64_t count;
};

/// A place in a ring of buffers, each with a barrier: which buffer, and the parity of the phase to wait for.
struct RingPlace {
  mlir::Value stage, parity;

  /// Where those begin who wait for buffers to be filled, and those who wait for them to be empty.
  static RingPlace ofReader(CudaBuilder &b) { return {b.i32(0), b.i32(0)}; }
  static RingPlace ofWriter(CudaBuilder &b) { return {b.i32(0), b.i32(1)}; }
  RingPlace next(CudaBuilder &b, int64_t stages) const;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_BARRIERS_H
