//===- LaunchWalk.h - A thread's way through a list of launches -------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CPU_LAUNCHWALK_H
#define QUIPU_RUNTIME_CPU_LAUNCHWALK_H

#include "runtime/core/Device.h"
#include "runtime/cpu/BlockShares.h"
#include "runtime/cpu/ThreadPool.h"

#include <cstring>
#include <span>
#include <string>

namespace quipu {

/// A list of launches that all workers of a pool go through.
struct LaunchWalk {
  ThreadPool &pool;
  BlockShares &shares;
  std::span<const Launch> launches;
  const int64_t *dims;
  /// Scratch of worker i: bytes [i * scratchStride, (i + 1) * scratchStride).
  char *scratch;
  size_t scratchStride;
  /// LaunchList::places.
  std::span<const std::string> places = {};
};

/// Computes or copies the blocks of a range.
inline void runBlocks(const LaunchWalk &walk, const Launch &launch, ThreadPool::Range blocks, void *scratch) {
  if (launch.isCopy()) {
    size_t first = size_t(blocks.begin) * launch.rowBytes;
    memcpy(static_cast<char *>(launch.buffers[1]) + first, static_cast<const char *>(launch.buffers[0]) + first,
           size_t(blocks.end - blocks.begin) * launch.rowBytes);
    return;
  }
  reinterpret_cast<QuipuKernelEntry>(const_cast<void *>(launch.entry))(launch.buffers, walk.dims, blocks.begin,
                                                                       blocks.end, scratch);
}

/// Every worker goes through the whole list and takes blocks of each launch. observe(launch, isEnd) is called before
/// the first and after the last of them. It is a template so that observing costs nothing where `observe` does nothing.
template <typename Observe> void walkLaunches(const LaunchWalk &walk, unsigned worker, Observe observe) {
  void *scratch = walk.scratch + worker * walk.scratchStride;
  bool first = true;
  for (size_t i = 0; i < walk.launches.size(); ++i) {
    const Launch &launch = walk.launches[i];
    uint64_t blocks = gridBlocks(launch, walk.dims);
    if (blocks == 0)
      continue;
    // The launch before must have finished in all workers. While it waits, a worker could fetch what the launch before
    // did not write: the weights of its own range.
    if (!first)
      walk.pool.barrier(worker);
    first = false;
    observe(i, false);
    walk.shares.beginLaunch(worker);
    uint64_t least = launch.shape ? launch.shape->least_blocks() : 1;
    auto next = [&] { return walk.shares.take(blocks, least, worker); };
    for (ThreadPool::Range piece = next(); piece.begin != piece.end; piece = next())
      runBlocks(walk, launch, piece, scratch);
    observe(i, true);
  }
}

} // namespace quipu

#endif // QUIPU_RUNTIME_CPU_LAUNCHWALK_H
