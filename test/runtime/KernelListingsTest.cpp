//===- KernelListingsTest.cpp: the machine code of all kernels, for a page ---------------===//

#include "tools/quipu/report/KernelListings.h"
#include "test/runtime/KeptPlan.h"

#include <gmock/gmock.h>

#include <cstdlib>

using namespace quipu;
using namespace quipu::test;
using namespace quipu::tool;
using testing::HasSubstr;

namespace {

class KernelListingsTest : public testing::Test {
protected:
  /// What can be shown in so many bytes.
  Json listings(size_t budget) { return kernelListings(*plan, budget); }

  std::shared_ptr<const PlanFile> plan = keptPlan(keptRecord());
};

size_t bytesOf(const Json &listings) {
  size_t bytes = 0;
  for (const Json &kernel : listings["kernels"])
    bytes += kernel["text"].get<std::string>().size();
  return bytes;
}

} // namespace

// Test: every kernel of the plan is listed, with all its lines where there is room for them.
TEST_F(KernelListingsTest, AllKernels) {
  Json all = listings(1 << 20);
  ASSERT_TRUE(all["problem"].is_null()) << all["problem"];
  EXPECT_EQ(all["kernels"].size(), plan->plan().kernels()->size());
  for (const auto &[name, kernel] : all["kernels"].items()) {
    EXPECT_EQ(kernel["form"], "asm") << name;
    EXPECT_GT(kernel["lines"], 0u) << name;
    EXPECT_EQ(kernel["lines"], kernel["shown"]) << name;
  }
}

// Test: with less room listings are cut, not left out, and all together they stay in it.
TEST_F(KernelListingsTest, CutToTheBudget) {
  size_t whole = bytesOf(listings(1 << 20));
  for (size_t budget : {whole / 2, whole / 4, size_t(64)}) {
    Json cut = listings(budget);
    EXPECT_LE(bytesOf(cut), std::max(budget, cut["kernels"].size() * 16)) << budget;
    EXPECT_EQ(cut["kernels"].size(), plan->plan().kernels()->size());
    bool isCut = false;
    for (const Json &kernel : cut["kernels"])
      isCut |= kernel["shown"] < kernel["lines"];
    EXPECT_TRUE(isCut) << budget;
  }
}

// Test: without a disassembler the page has the rest, and says what is missing.
TEST_F(KernelListingsTest, NoDisassembler) {
  std::string path = getenv("PATH");
  setenv("PATH", "/nonexistent", 1);
  Json none = listings(1 << 20);
  setenv("PATH", path.c_str(), 1);
  EXPECT_TRUE(none["kernels"].empty());
  EXPECT_THAT(none["problem"].get<std::string>(), HasSubstr("no disassembler found"));
}
