//===- BlockSharesTest.cpp ---------------------------------------------------------------===//

#include "runtime/cpu/BlockShares.h"

#include <gtest/gtest.h>

#include <vector>

using namespace quipu;

namespace {

/// What the workers of a pool do in some launches: they count how often each block was computed.
struct Launches {
  ThreadPool &pool;
  BlockShares &shares;
  std::vector<uint64_t> blocks;
  /// [launch][block]. The workers write to different elements.
  std::vector<std::vector<int>> counts = {};

  static void work(void *context, unsigned worker) {
    Launches &self = *static_cast<Launches *>(context);
    for (size_t launch = 0; launch < self.blocks.size(); ++launch) {
      self.pool.barrier(worker);
      self.shares.beginLaunch(worker);
      for (auto piece = self.shares.take(self.blocks[launch], 3, worker); piece.begin != piece.end;
           piece = self.shares.take(self.blocks[launch], 3, worker))
        for (int64_t block = piece.begin; block < piece.end; ++block)
          ++self.counts[launch][size_t(block)];
    }
  }
};

} // namespace

class BlockSharesOf : public testing::TestWithParam<unsigned> {};
// 8 is the last size whose workers look at the shares of all others.
INSTANTIATE_TEST_SUITE_P(BlockShares, BlockSharesOf, testing::Values(1, 2, 3, 8, 11));

// Test: each block of each launch is taken once, in runs with an even and an odd number of launches.
TEST_P(BlockSharesOf, EachBlockOnce) {
  ThreadPool pool(GetParam());
  BlockShares shares(pool);
  for (std::vector<uint64_t> blocks : {std::vector<uint64_t>{1000, 1, 7}, {5000, 40}, {2}, {333}}) {
    Launches launches{pool, shares, blocks};
    for (uint64_t count : blocks)
      launches.counts.emplace_back(count);
    pool.run(Launches::work, &launches);
    for (size_t i = 0; i < blocks.size(); ++i)
      EXPECT_EQ(launches.counts[i], std::vector<int>(blocks[i], 1));
  }
}

// Test: a worker begins with its own share, in order, and takes half of what is left each time, down to the least size.
TEST(BlockShares, PiecesOfOneWorker) {
  ThreadPool pool(2);
  BlockShares shares(pool);
  shares.beginLaunch(1);
  std::vector<int64_t> begins, sizes;
  int64_t taken = 0;
  for (auto piece = shares.take(128, 10, 1); piece.begin != piece.end; piece = shares.take(128, 10, 1)) {
    begins.push_back(piece.begin);
    sizes.push_back(piece.end - piece.begin);
    taken += piece.end - piece.begin;
  }
  // Worker 0 took nothing, so its share is taken too.
  EXPECT_EQ(begins, (std::vector<int64_t>{64, 96, 112, 122, 0, 32, 48, 58}));
  EXPECT_EQ(sizes, (std::vector<int64_t>{32, 16, 10, 6, 32, 16, 10, 6}));
  EXPECT_EQ(taken, 128);
}

// Test: one worker alone takes all at once.
TEST(BlockShares, OneWorker) {
  ThreadPool pool(1);
  BlockShares shares(pool);
  shares.beginLaunch(0);
  ThreadPool::Range piece = shares.take(1000, 1, 0);
  EXPECT_EQ(piece.begin, 0);
  EXPECT_EQ(piece.end, 1000);
}
