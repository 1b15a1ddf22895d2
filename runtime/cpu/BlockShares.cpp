//===- BlockShares.cpp - Blocks of a launch for threads of unequal pace ------------------===//

#include "runtime/cpu/BlockShares.h"

#include <algorithm>

namespace quipu {

/// A piece has at least this part of a share. So a share has few pieces, though a launch may have thousands of blocks.
static constexpr uint64_t kMaxPieces = 16;

/// A worker that has finished looks at the shares of this many others. A look at a share fetches a cache line from
/// another core, so with many threads it would take longer than what it could find.
static constexpr unsigned kMaxOthers = 7;

BlockShares::BlockShares(const ThreadPool &pool) : pool(pool), shares(new Share[pool.size()]) {}

void BlockShares::beginLaunch(unsigned worker) {
  Share &own = shares[worker];
  // All workers have finished the launch before, which used this number. The barrier behind this launch shows the zero
  // to all.
  own.taken[++own.launches % 2 ^ 1].store(0, std::memory_order_relaxed);
}

ThreadPool::Range BlockShares::take(uint64_t blocks, uint64_t least, unsigned worker) {
  unsigned others = std::min(pool.size() - 1, kMaxOthers);
  unsigned turn = shares[worker].launches % 2;
  least = std::max({least, blocks / pool.size() / kMaxPieces, uint64_t(1)});
  for (unsigned i = 0; i <= others; ++i) {
    ThreadPool::Range piece = takeOf((worker + i) % pool.size(), blocks, least, turn);
    if (piece.begin != piece.end)
      return piece;
  }
  return {0, 0};
}

ThreadPool::Range BlockShares::takeOf(unsigned owner, uint64_t blocks, uint64_t least, unsigned turn) {
  ThreadPool::Range share = pool.split(blocks, owner);
  uint64_t size = uint64_t(share.end - share.begin);
  std::atomic<uint64_t> &taken = shares[owner].taken[turn];
  uint64_t done = taken.load(std::memory_order_relaxed);
  while (done < size) {
    // With one thread there is nobody to share with.
    uint64_t half = pool.size() == 1 ? size : (size - done) / 2;
    uint64_t piece = std::min(std::max(half, least), size - done);
    if (taken.compare_exchange_weak(done, done + piece, std::memory_order_relaxed))
      return {share.begin + int64_t(done), share.begin + int64_t(done + piece)};
  }
  return {0, 0};
}

} // namespace quipu
