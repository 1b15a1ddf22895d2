//===- LargePagesTest.cpp - When weights are copied to large pages -----------------------===//

#include "runtime/core/LargePages.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace quipu {
namespace {

class LargePagesTest : public testing::Test {
protected:
  void SetUp() override {
    root = testing::TempDir() + "/large-pages";
    std::filesystem::create_directories(root + "/sys/kernel/mm/transparent_hugepage");
    choose("always [madvise] never");
  }
  void TearDown() override { std::filesystem::remove_all(root); }

  void choose(const char *line) { std::ofstream(root + "/sys/kernel/mm/transparent_hugepage/enabled") << line << "\n"; }

  static constexpr uint64_t kMiB = 1 << 20;
  std::string root;
};

TEST_F(LargePagesTest, CopiesModelsThatExceedCaches) {
  EXPECT_TRUE(worthLargePages(100 * kMiB, 1000 * kMiB, root));
  EXPECT_FALSE(worthLargePages(32 * kMiB, 1000 * kMiB, root));
}

TEST_F(LargePagesTest, LeavesHalfOfTheFreeMemory) {
  EXPECT_TRUE(worthLargePages(500 * kMiB, 1000 * kMiB, root));
  EXPECT_FALSE(worthLargePages(501 * kMiB, 1000 * kMiB, root));
}

TEST_F(LargePagesTest, AsksTheSystem) {
  choose("always madvise [never]");
  EXPECT_FALSE(worthLargePages(100 * kMiB, 1000 * kMiB, root));
  choose("[always] madvise never");
  EXPECT_TRUE(worthLargePages(100 * kMiB, 1000 * kMiB, root));
  EXPECT_FALSE(worthLargePages(100 * kMiB, 1000 * kMiB, root + "/nowhere"));
}

} // namespace
} // namespace quipu
