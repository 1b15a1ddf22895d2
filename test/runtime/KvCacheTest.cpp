//===- KvCacheTest.cpp -------------------------------------------------------------------===//

#include "runtime/core/KvCache.h"
#include "runtime/cpu/CpuDevice.h"
#include "test/runtime/ToyPlan.h"

#include <set>

using namespace quipu;
using namespace quipu::test;

namespace {

class KvCacheTest : public testing::Test {
protected:
  KvCacheTest() : file(PlanFile::fromMemory(planBytes(packPlan(toyPlan())), "toy.plan")), device(1, false) {}

  const plan::KvCache &shape() const { return *file->plan().kv_cache(); }
  static void grow(KvCache &cache, int32_t sequence, uint32_t tokens) {
    KvCache::Growth growth = {sequence, tokens};
    cache.reserve({&growth, 1});
    cache.advance(sequence, std::vector<int32_t>(tokens, 1));
  }

  std::shared_ptr<const PlanFile> file;
  CpuDevice device;
};

} // namespace

// Test: 30 positions are 8 pages of 4; three sequences.
TEST_F(KvCacheTest, Sizes) {
  KvCache cache(shape(), device, {});
  EXPECT_EQ(cache.tableStride(), 8u);
  EXPECT_EQ(cache.numBlocks(), 24u);
  EXPECT_EQ(cache.bytesReserved(), 24u * kToyPage * kToyHidden * 4 * 2 * kToyLayers);
  EXPECT_EQ(cache.bytesUsed(), 0u);
  EXPECT_EQ(static_cast<char *>(cache.values(0)) - static_cast<char *>(cache.keys(0)), 24 * kToyPage * kToyHidden * 4);
  EXPECT_EQ(KvCache(shape(), device, {9}).numBlocks(), 3u);
  EXPECT_EQ(KvCache(shape(), device, {100000}).numBlocks(), 24u);
}

// Test: blocks come as positions need them, no two sequences share one, and they come back.
TEST_F(KvCacheTest, BlocksOnDemand) {
  KvCache cache(shape(), device, {});
  int32_t a = cache.addSequence(), b = cache.addSequence();
  EXPECT_NE(a, b);
  grow(cache, a, 1);
  EXPECT_EQ(cache.freeBlocks(), 23u);
  grow(cache, a, 3);
  EXPECT_EQ(cache.freeBlocks(), 23u);
  grow(cache, b, 9);
  grow(cache, a, 1);
  EXPECT_EQ(cache.freeBlocks(), 19u);
  cache.update();
  const int32_t *table = static_cast<const int32_t *>(cache.table());
  std::set<int32_t> blocks = {table[a * 8], table[a * 8 + 1], table[b * 8], table[b * 8 + 1], table[b * 8 + 2]};
  EXPECT_EQ(blocks.size(), 5u);
  cache.truncate(b, 4);
  EXPECT_EQ(cache.freeBlocks(), 21u);
  EXPECT_EQ(cache.length(b), 4u);
  cache.removeSequence(a);
  EXPECT_EQ(cache.freeBlocks(), 23u);
  EXPECT_FALSE(cache.isAlive(a));
  EXPECT_TRUE(cache.isAlive(b));
  EXPECT_EQ(cache.addSequence(), a);
  EXPECT_EQ(cache.length(a), 0u);
}

// Test: a step brings the changes of the table itself if it has room for them; at first all of the table is copied.
TEST_F(KvCacheTest, TableChanges) {
  KvCache cache(shape(), device, {});
  int32_t sequence = cache.addSequence();
  grow(cache, sequence, 1);
  std::vector<int32_t> pairs(4);
  KvCache::Update update = cache.update(pairs);
  EXPECT_EQ(update.pairs, 0u);
  EXPECT_TRUE(update.hasCopies);
  const int32_t *table = static_cast<const int32_t *>(cache.table());
  int32_t first = sequence * 8, page = table[first];
  grow(cache, sequence, 2 * kToyPage);
  update = cache.update(pairs);
  EXPECT_EQ(update.pairs, 2u);
  EXPECT_FALSE(update.hasCopies);
  EXPECT_EQ(pairs[0], first + 1);
  EXPECT_EQ(pairs[2], first + 2);
  EXPECT_TRUE(pairs[1] != page && pairs[3] != page && pairs[1] != pairs[3]);
  EXPECT_EQ(cache.update(pairs).pairs, 0u);
  EXPECT_FALSE(cache.update(pairs).hasCopies);
  // One more than there is room for.
  grow(cache, sequence, 3 * kToyPage);
  update = cache.update(pairs);
  EXPECT_EQ(update.pairs, 0u);
  EXPECT_TRUE(update.hasCopies);
  EXPECT_NE(table[first + 4], table[first + 5]);
}

// Test: a full cache refuses, names the numbers, and has changed nothing.
TEST_F(KvCacheTest, Full) {
  KvCache cache(shape(), device, {12});
  int32_t a = cache.addSequence(), b = cache.addSequence();
  grow(cache, a, 5);
  KvCache::Growth both[] = {{a, 3}, {b, 5}};
  std::string message = errorOf([&] { cache.reserve(both); });
  EXPECT_NE(message.find("2 blocks of 4 positions, 1 of 3 are free"), std::string::npos) << message;
  EXPECT_EQ(cache.freeBlocks(), 1u);
  both[1].tokens = 4;
  cache.reserve(both);
  EXPECT_EQ(cache.freeBlocks(), 0u);
}

TEST_F(KvCacheTest, TooManySequences) {
  KvCache cache(shape(), device, {});
  for (int i = 0; i < kToyMaxBatch; ++i)
    cache.addSequence();
  EXPECT_NE(errorOf([&] { cache.addSequence(); }).find("--max-batch 4"), std::string::npos);
  EXPECT_FALSE(cache.isAlive(-1));
  EXPECT_FALSE(cache.isAlive(3));
}
