//===- HostMemoryTest.cpp: bounds on memory, and models that exceed them -----------------===//

#include "runtime/core/HostMemory.h"
#include "runtime/core/Session.h"
#include "test/runtime/ToyPlan.h"

#include <filesystem>
#include <fstream>
#include <sys/resource.h>

using namespace quipu;
using namespace quipu::test;

namespace {

constexpr uint64_t kMiB = 1 << 20;

class HostMemoryTest : public testing::Test {
protected:
  void write(const std::string &path, const std::string &text) {
    std::filesystem::path file = folder.path() + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  /// Free bytes of each bound of that owner, in MiB.
  std::vector<uint64_t> freeOf(const std::string &owner) {
    std::vector<uint64_t> result;
    for (const HostBound &bound : hostBounds(folder.path()))
      if (bound.owner == owner)
        result.push_back(bound.free / kMiB);
    return result;
  }

  TempFolder folder;
};

} // namespace

TEST_F(HostMemoryTest, Machine) {
  write("/proc/meminfo", "MemTotal:  8192 kB\nMemFree: 1024 kB\nMemAvailable:   4096 kB\nSwapTotal: 4096 kB\nSwapFree: "
                         "2048 kB\nHugePages_Total:       0\n");
  EXPECT_EQ(freeOf("this machine"), std::vector<uint64_t>{6});
}

// Test: the limits of a control group and of those around it, with pages of files counted as free.
TEST_F(HostMemoryTest, ControlGroups) {
  write("/proc/self/cgroup", "0::/outer/inner\n");
  write("/sys/fs/cgroup/outer/inner/memory.max", "max\n");
  write("/sys/fs/cgroup/outer/inner/memory.current", "1048576\n");
  EXPECT_EQ(freeOf("this process's control group"), std::vector<uint64_t>());
  write("/sys/fs/cgroup/outer/memory.max", std::to_string(10 * kMiB));
  write("/sys/fs/cgroup/outer/memory.current", std::to_string(8 * kMiB));
  write("/sys/fs/cgroup/outer/memory.stat", "anon 5\ninactive_file 1048576\nactive_file 2097152\n");
  EXPECT_EQ(freeOf("this process's control group"), std::vector<uint64_t>{5});
  // Version 1, where the group's own path may not be visible.
  write("/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/hidden/away\n");
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", std::to_string(20 * kMiB));
  write("/sys/fs/cgroup/memory/memory.usage_in_bytes", std::to_string(30 * kMiB));
  EXPECT_EQ(freeOf("this process's control group"), std::vector<uint64_t>{0});
  write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_EQ(freeOf("this process's control group"), std::vector<uint64_t>());
}

// Test: the least of the bounds on pages counts, one of which is this machine's; what limits addresses is none of them.
TEST_F(HostMemoryTest, Here) {
  HostBound bound = tightestBound();
  EXPECT_GT(bound.free, 0u);
  EXPECT_LE(bound.free, bound.total);
  uint64_t machine = UINT64_MAX, least = UINT64_MAX;
  for (const HostBound &each : hostBounds()) {
    machine = std::string(each.owner) == "this machine" ? each.total : machine;
    least = each.countsUntouched ? least : std::min(least, each.total);
  }
  EXPECT_LE(bound.free, machine);
  // What is free changes all the time.
  EXPECT_LE(bound.free, least);
  EXPECT_FALSE(bound.countsUntouched);
}

/// A weight of 32 TiB.
static std::unique_ptr<plan::WeightT> hugeWeight(const plan::PlanT &plan) {
  auto huge = std::make_unique<plan::WeightT>(*plan.weights[0]);
  huge->name = "huge";
  huge->role = plan::WeightRole::matrix;
  huge->format = huge->sources[0]->format = "f32";
  huge->transform = plan::WeightTransform::none;
  huge->shape = huge->sources[0]->shape = {uint64_t(1) << 23, uint64_t(1) << 20};
  huge->sources[0]->size = uint64_t(1) << 45;
  return huge;
}

// Test: weights that are used in place take no memory, but those at an odd place of their file are copied, and count.
TEST_F(HostMemoryTest, WeightsInPlace) {
  for (bool isOdd : {false, true}) {
    plan::PlanT plan = toyPlan(folder);
    std::unique_ptr<plan::WeightT> huge = hugeWeight(plan);
    huge->sources[0]->file = 0;
    huge->sources[0]->offset = isOdd ? 1001 : 1000;
    // Of the file, so that the plan is sound; the one that lies there is smaller.
    plan.files[0]->size = uint64_t(1) << 46;
    plan.weights.push_back(std::move(huge));
    std::string path = writeToyPlan(folder, plan);
    std::string text = errorOf([&] { Model::load(path); });
    EXPECT_NE(text.find(isOdd ? "\n  weights           32768.00 GiB" : "the weights changed"), std::string::npos)
        << text;
  }
}

// Test: weights from a seed that no memory holds are refused before the first is made.
TEST_F(HostMemoryTest, RandomWeights) {
  plan::PlanT plan = toyPlan();
  plan.weights.push_back(hugeWeight(plan));
  std::string path = writeToyPlan(folder, plan);
  ModelOptions options;
  options.weights = WeightSource::random(1);
  std::string text = errorOf([&] { Model::load(path, options); });
  EXPECT_NE(text.find("does not fit into the free memory of this"), std::string::npos) << text;
  EXPECT_NE(text.find("the weights alone do not fit; random weights are all made in memory"), std::string::npos)
      << text;
  EXPECT_NE(text.find("32768.00 GiB"), std::string::npos) << text;
}

// Test: where addresses are limited the cache counts whole, and the message says what would fit.
TEST_F(HostMemoryTest, Addresses) {
  if (kHasAddressSanitizer)
    GTEST_SKIP() << "AddressSanitizer takes all addresses for itself";
  plan::PlanT plan = toyPlan();
  plan.kv_cache->max_seq = 1 << 22;
  plan.kv_cache->page = 16;
  plan.kv_cache->max_batch = 3;
  ModelOptions options;
  options.weights = WeightSource::random(1);
  options.threads = 1;
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  // The message of the refusal; empty when there is none.
  auto loadWithin = [&](uint64_t more) {
    std::string path = writeToyPlan(folder, plan);
    uint64_t used = 0;
    std::ifstream("/proc/self/statm") >> used;
    rlimit limit = {used * 4096 + more, before.rlim_max};
    setrlimit(RLIMIT_AS, &limit);
    std::string text;
    try {
      Session session(Model::load(path, options));
    } catch (const Error &error) {
      text = error.what();
    }
    setrlimit(RLIMIT_AS, &before);
    return text;
  };
  // 320 bytes a position: 3.75 GiB.
  std::string text = loadWithin(1000 * kMiB);
  EXPECT_NE(text.find("the free memory of this process (ulimit -v); compile with --max-seq "), std::string::npos)
      << text;
  EXPECT_NE(text.find("\n  key/value cache       3.75 GiB  --max-seq 4194304 x 3 sequences"), std::string::npos)
      << text;
  auto longest = uint32_t(std::stoul(text.substr(text.find("--max-seq ") + 10)));
  EXPECT_GT(longest, 800000u);
  plan.kv_cache->max_seq = longest / 2;
  EXPECT_EQ(loadWithin(1000 * kMiB), "");
  plan.kv_cache->max_seq = 1 << 20;
  EXPECT_NE(loadWithin(900 * kMiB).find("or with --max-batch 2 or less"), std::string::npos);
}
