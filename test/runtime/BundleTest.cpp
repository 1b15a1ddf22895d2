//===- BundleTest.cpp --------------------------------------------------------------------===//

#include "runtime/plan/Bundle.h"
#include "runtime/core/Session.h"
#include "runtime/support/OutputFile.h"
#include "test/runtime/ToyPlan.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/stat.h>

using namespace quipu;
using namespace quipu::test;

namespace {

/// Logits of a few tokens.
std::vector<float> run(const std::string &path) {
  Session session(Model::load(path));
  LogitsRows rows = session.prefill(session.addSequence(), std::vector<int32_t>{3, 1, 4, 1, 5});
  return {rows.row(0).begin(), rows.row(0).end()};
}

void write(const std::string &path, const std::string &base, std::span<const uint8_t> payload,
           const std::vector<std::string> &weightFiles) {
  OutputFile file(path);
  writeBundle(file, base, payload, weightFiles);
}

class BundleTest : public testing::Test {
protected:
  BundleTest() {
    plan::PlanT plan = toyPlan(folder);
    payload = packPlan(plan);
    weights = plan.files[0]->path;
    expected = run(writeToyPlan(folder, plan));
  }

  TempFolder folder;
  std::vector<uint8_t> payload;
  std::string weights;
  std::vector<float> expected;
};

} // namespace

// Test: a bundle is one file that runs without the weight file, its weights in place in the mapped bundle.
TEST_F(BundleTest, RunsAlone) {
  write(folder.path("bundle"), "", payload, {weights});
  std::vector<uint8_t> contents = readFile(weights);
  std::filesystem::remove(weights);
  auto plan = PlanFile::open(folder.path("bundle"));
  ASSERT_TRUE(plan->isBundle());
  ASSERT_EQ(plan->bundledFile(0).size(), contents.size());
  EXPECT_EQ(memcmp(plan->bundledFile(0).data(), contents.data(), contents.size()), 0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(plan->bundledFile(0).data()) % kBundleAlignment, 0u);
  EXPECT_EQ(run(folder.path("bundle")), expected);
  EXPECT_NE(errorOf([&] { run(folder.path("toy.plan")); }).find("not found"), std::string::npos);
}

// Test: behind a program the base stays as it was, but for a mark of one byte, and the result may be executed.
TEST_F(BundleTest, BehindAProgram) {
  std::vector<uint8_t> base = readFile("/proc/self/exe");
  write(folder.path("program"), "/proc/self/exe", payload, {weights});
  std::vector<uint8_t> program = readFile(folder.path("program"));
  ASSERT_GT(program.size(), base.size());
  size_t differing = 0;
  for (size_t i = 0; i < base.size(); ++i)
    differing += base[i] != program[i];
  EXPECT_EQ(differing, 1u);
  struct stat status;
  ASSERT_EQ(stat(folder.path("program").c_str(), &status), 0);
  EXPECT_NE(status.st_mode & S_IXUSR, 0u);
  EXPECT_EQ(run(folder.path("program")), expected);
  // A bundle as the base gives its program only.
  write(folder.path("again"), folder.path("program"), payload, {weights});
  EXPECT_EQ(readFile(folder.path("again")), program);
}

TEST_F(BundleTest, ThisTestHoldsNoPlan) { EXPECT_FALSE(embeddedPlanPath().has_value()); }

// The part of the next test that runs in the program with the plan.
TEST(BundleProgram, DISABLED_HoldsAPlan) {
  ASSERT_TRUE(embeddedPlanPath().has_value());
  EXPECT_EQ(run(*embeddedPlanPath()).size(), size_t(kToyVocab));
}

// As above.
TEST(BundleProgram, DISABLED_LostItsPlan) {
  EXPECT_NE(errorOf([] { embeddedPlanPath(); }).find("its plan is gone or damaged"), std::string::npos);
}

// Test: a program whose plan was cut off, in part or whole, or whose end was overwritten, says so.
TEST_F(BundleTest, ProgramWithoutItsPlan) {
  size_t base = readFile("/proc/self/exe").size();
  write(folder.path("program"), "/proc/self/exe", payload, {weights});
  std::vector<uint8_t> program = readFile(folder.path("program"));
  auto check = [&](const std::vector<uint8_t> &damaged) {
    writeFile(folder.path("damaged"), damaged);
    std::filesystem::permissions(folder.path("damaged"), std::filesystem::perms::owner_all);
    std::string command = folder.path("damaged") + " --gtest_also_run_disabled_tests --gtest_brief=1" +
                          " --gtest_filter='BundleProgram.DISABLED_Lost*' > " + folder.path("log");
    EXPECT_EQ(std::system(command.c_str()), 0);
  };
  check({program.begin(), program.begin() + ptrdiff_t(base)});
  check({program.begin(), program.end() - 1});
  check({program.begin(), program.begin() + ptrdiff_t((base + program.size()) / 2)});
  program.back() ^= 1;
  check(program);
}

// Test: a program finds the plan and the weights behind itself.
TEST_F(BundleTest, ProgramFindsItsPlan) {
  write(folder.path("program"), "/proc/self/exe", payload, {weights});
  std::filesystem::remove(weights);
  std::string command = folder.path("program") + " --gtest_also_run_disabled_tests --gtest_brief=1" +
                        " --gtest_filter='BundleProgram.DISABLED_Holds*' > " + folder.path("log");
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST_F(BundleTest, TruncatedOrAltered) {
  write(folder.path("bundle"), "", payload, {weights});
  std::vector<uint8_t> bytes = readFile(folder.path("bundle"));
  auto refusal = [&](const std::vector<uint8_t> &changed) {
    writeFile(folder.path("changed"), changed);
    return errorOf([&] { PlanFile::open(folder.path("changed")); });
  };
  for (size_t cut : {size_t(1), size_t(64), size_t(100), bytes.size() / 2})
    EXPECT_NE(refusal({bytes.begin(), bytes.end() - ptrdiff_t(cut)}), "");
  // Trailer and directory: every byte matters.
  for (size_t i = bytes.size() - 64 - sizeof(BundleSection); i < bytes.size(); ++i) {
    std::vector<uint8_t> changed = bytes;
    changed[i] ^= 0x40;
    EXPECT_NE(refusal(changed), "") << i;
  }
  std::vector<uint8_t> changed = bytes;
  memset(changed.data() + changed.size() - 64, 0xff, 32);
  EXPECT_NE(refusal(changed).find("bundle was altered"), std::string::npos);
}

// Test: as many sections as the plan has files.
TEST_F(BundleTest, SectionsAreCounted) {
  write(folder.path("bundle"), "", payload, {});
  EXPECT_NE(errorOf([&] { PlanFile::open(folder.path("bundle")); }).find("holds 0 weight files"), std::string::npos);
}

// Test: altered weights inside a bundle are found when asked for.
TEST_F(BundleTest, VerifyHashesSections) {
  write(folder.path("bundle"), "", payload, {weights});
  std::vector<uint8_t> bytes = readFile(folder.path("bundle"));
  auto plan = PlanFile::open(folder.path("bundle"));
  size_t offset = size_t(plan->bundledFile(0).data() - plan->mapping()->data());
  bytes[offset + 100] ^= 1;
  writeFile(folder.path("changed"), bytes);
  ModelOptions options;
  EXPECT_NE(Model::load(folder.path("changed"), options), nullptr);
  options.verifyWeights = true;
  EXPECT_NE(Model::load(folder.path("bundle"), options), nullptr);
  EXPECT_NE(errorOf([&] { Model::load(folder.path("changed"), options); }).find("content differs"), std::string::npos);
}

// Test: a bundle has a hash of all bytes also where its plan has none, as of weights too big to be hashed in passing.
TEST_F(BundleTest, VerifyNeedsNoHashInThePlan) {
  plan::PlanT plan = toyPlan(folder);
  plan.files[0]->sample_hash = std::move(plan.files[0]->content_hash);
  plan.files[0]->content_hash.clear();
  write(folder.path("bundle"), "", packPlan(plan), {weights});
  ModelOptions options;
  options.verifyWeights = true;
  EXPECT_NE(Model::load(folder.path("bundle"), options), nullptr);
  std::vector<uint8_t> bytes = readFile(folder.path("bundle"));
  auto opened = PlanFile::open(folder.path("bundle"));
  bytes[size_t(opened->bundledFile(0).data() - opened->mapping()->data()) + opened->bundledFile(0).size() - 1] ^= 1;
  writeFile(folder.path("changed"), bytes);
  EXPECT_NE(errorOf([&] { Model::load(folder.path("changed"), options); }).find("content differs"), std::string::npos);
}
