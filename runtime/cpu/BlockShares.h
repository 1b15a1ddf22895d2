//===- BlockShares.h - Blocks of a launch for threads of unequal pace -------*- C++ -*-===//
//
// Each worker of a pool has a share of the blocks of a launch. It takes its share in pieces: half of what is left, and
// half of the rest, down to a least size. Who has finished takes pieces of the shares of others. So all workers finish
// at nearly the same time, though a core may be slower than another, or be taken away for a while: by other programs,
// by an interrupt, or by another virtual machine.
//
// Guided self-scheduling: Polychronopoulos and Kuck, IEEE Transactions on Computers C-36(12), 1987.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CPU_BLOCKSHARES_H
#define QUIPU_RUNTIME_CPU_BLOCKSHARES_H

#include "runtime/cpu/ThreadPool.h"

#include <atomic>
#include <cstdint>
#include <memory>

namespace quipu {

class BlockShares {
public:
  /// `pool`: its workers take the blocks. It lives as long as this object.
  explicit BlockShares(const ThreadPool &pool);

  /// Begins the next launch. Every worker calls it once for each launch, and between two calls there is a barrier of
  /// all workers.
  void beginLaunch(unsigned worker);

  /// Takes blocks of the launch that `worker` has begun. The range is empty if all blocks are taken. `blocks`: number
  /// of blocks of the launch. `least`: a piece has at least as many blocks, unless it ends a share. All workers give
  /// the same numbers.
  ThreadPool::Range take(uint64_t blocks, uint64_t least, unsigned worker);

private:
  /// Two launches take turns with the two numbers. While one is in use, its owner clears the other.
  /// Two cache lines for each worker, because the hardware fetches lines in pairs.
  struct alignas(128) Share {
    /// Blocks of the share that are taken.
    std::atomic<uint64_t> taken[2] = {0, 0};
    /// Number of launches that the worker has begun. Only the worker uses it.
    uint32_t launches = 0;
  };

  ThreadPool::Range takeOf(unsigned owner, uint64_t blocks, uint64_t least, unsigned turn);

  const ThreadPool &pool;
  std::unique_ptr<Share[]> shares;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CPU_BLOCKSHARES_H
