//===- IdMapTest.cpp: values by ids that count up -----------------------------------------===//

#include "runtime/support/IdMap.h"

#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <random>

using namespace quipu;

// Test: it agrees with std::map while ids come and go, of which some stay for long.
TEST(IdMap, AgreesWithMap) {
  std::mt19937 random(5);
  IdMap<std::unique_ptr<int>> map;
  std::map<uint64_t, int> expected;
  uint64_t last = 0;
  size_t most = 0;
  for (int i = 0; i < 20000; ++i) {
    if (random() % 100 < (i / 2000 % 2 ? 40 : 60)) {
      int value = int(random());
      EXPECT_EQ(*map.insert(++last, std::make_unique<int>(value)), value);
      expected[last] = value;
    } else if (!expected.empty()) {
      auto gone = expected.begin();
      // Seldom the oldest ones.
      std::advance(gone, ptrdiff_t(std::max(random() % expected.size(), random() % expected.size())));
      map.erase(gone->first);
      EXPECT_EQ(map.find(gone->first), nullptr);
      expected.erase(gone);
    }
    most = std::max(most, expected.size());
    ASSERT_EQ(map.size(), expected.size());
    if (i % 50 == 0)
      for (uint64_t id = 0; id <= last + 1; ++id) {
        auto *found = map.find(id);
        ASSERT_EQ(found != nullptr, expected.contains(id)) << id;
        if (found)
          ASSERT_EQ(**found, expected[id]);
      }
  }
  EXPECT_GT(most, 300u);
  map.erase(last + 1);
  EXPECT_EQ(map.size(), expected.size());
  map.clear();
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.find(last), nullptr);
  EXPECT_THROW(map.at(last), Error);
}
