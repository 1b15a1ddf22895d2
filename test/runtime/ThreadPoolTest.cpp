//===- ThreadPoolTest.cpp ----------------------------------------------------------------===//

#include "runtime/cpu/ThreadPool.h"
#include "runtime/support/Error.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

using namespace quipu;

namespace {

/// Plain (not atomic) memory that the workers hand to each other through barriers: an error of the pool shows as a
/// wrong value, and to the thread sanitizer as a race.
struct Relay {
  ThreadPool &pool;
  int rounds;
  std::vector<int> cells;
  bool wrong = false;

  static void work(void *context, unsigned worker) {
    Relay &relay = *static_cast<Relay *>(context);
    unsigned count = relay.pool.size();
    for (int round = 0; round < relay.rounds; ++round) {
      relay.cells[worker] = round;
      relay.pool.barrier(worker);
      if (relay.cells[(worker + 1) % count] != round)
        relay.wrong = true;
      relay.pool.barrier(worker);
    }
  }
};

} // namespace

class ThreadPoolSizes : public testing::TestWithParam<unsigned> {};
// 8 is the last size whose threads watch each other; 11 uses the counter.
INSTANTIATE_TEST_SUITE_P(ThreadPool, ThreadPoolSizes, testing::Values(1, 2, 3, 8, 11));

TEST_P(ThreadPoolSizes, BarriersOrderMemory) {
  ThreadPool pool(GetParam());
  Relay relay{pool, GetParam() > 3 ? 50 : 2000, std::vector<int>(GetParam(), -1)};
  for (int run = 0; run < 5; ++run)
    pool.run(Relay::work, &relay);
  EXPECT_FALSE(relay.wrong);
}

// Test: runs that follow at once and runs that find the workers asleep.
TEST_P(ThreadPoolSizes, RunsAfterSleep) {
  ThreadPool pool(GetParam());
  std::vector<int> counts(GetParam());
  auto count = [](void *context, unsigned worker) { ++(*static_cast<std::vector<int> *>(context))[worker]; };
  int runs = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 20; ++i, ++runs)
      pool.run(count, &counts);
    std::this_thread::sleep_for(std::chrono::microseconds(round * 100));
  }
  EXPECT_EQ(counts, std::vector<int>(GetParam(), runs));
}

// Test: parts are contiguous, cover everything, and differ by one block at most.
TEST_P(ThreadPoolSizes, SplitIsEven) {
  ThreadPool pool(GetParam());
  for (uint64_t blocks : {0u, 1u, 2u, 7u, 100u, 1000003u}) {
    int64_t next = 0;
    for (unsigned worker = 0; worker < pool.size(); ++worker) {
      ThreadPool::Range range = pool.split(blocks, worker);
      EXPECT_EQ(range.begin, next);
      int64_t size = range.end - range.begin;
      EXPECT_GE(size, int64_t(blocks / pool.size()));
      EXPECT_LE(size, int64_t(blocks / pool.size()) + 1);
      next = range.end;
    }
    EXPECT_EQ(next, int64_t(blocks));
  }
}

TEST(ThreadPool, ManyPoolsComeAndGo) {
  for (int i = 0; i < 100; ++i) {
    ThreadPool pool(3, /*pin=*/i % 2);
    if (i % 3)
      pool.run([](void *, unsigned) {}, nullptr);
  }
}

TEST(ThreadPool, DefaultIsTheAffinityMask) { EXPECT_EQ(ThreadPool().size(), availableCores()); }
