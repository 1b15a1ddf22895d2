//===- CpuDeviceTest.cpp: features, code, launches ---------------------------------------===//

#include "runtime/cpu/CpuDevice.h"
#include "runtime/cpu/CpuCode.h"
#include "runtime/cpu/CpuFeatures.h"
#include "test/runtime/ToyPlan.h"

#include <algorithm>
#include <array>
#include <atomic>

using namespace quipu;
using namespace quipu::test;

#if defined(__x86_64__)
// Test: what the compiler's builtins find, we find under LLVM's names.
TEST(CpuFeatures, AgreeWithTheCompiler) {
  __builtin_cpu_init();
  EXPECT_TRUE(hasCpuFeature("sse2"));
  EXPECT_EQ(hasCpuFeature("avx2"), bool(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(hasCpuFeature("fma"), bool(__builtin_cpu_supports("fma")));
  EXPECT_EQ(hasCpuFeature("bmi2"), bool(__builtin_cpu_supports("bmi2")));
  EXPECT_EQ(hasCpuFeature("avx512f"), bool(__builtin_cpu_supports("avx512f")));
  EXPECT_EQ(hasCpuFeature("avx512bw"), bool(__builtin_cpu_supports("avx512bw")));
  EXPECT_EQ(hasCpuFeature("avx512vnni"), bool(__builtin_cpu_supports("avx512vnni")));
  EXPECT_EQ(hasCpuFeature("avx512bf16"), bool(__builtin_cpu_supports("avx512bf16")));
  EXPECT_EQ(hasCpuFeature("avxvnni"), bool(__builtin_cpu_supports("avxvnni")));
  EXPECT_EQ(hasCpuFeature("amx-tile"), bool(__builtin_cpu_supports("amx-tile")));
  EXPECT_EQ(hasCpuFeature("amx-int8"), bool(__builtin_cpu_supports("amx-int8")));
  EXPECT_EQ(hasCpuFeature("amx-bf16"), bool(__builtin_cpu_supports("amx-bf16")));
  EXPECT_TRUE(std::is_sorted(cpuFeatures().begin(), cpuFeatures().end()));
  EXPECT_FALSE(cpuModelName().empty());
}
#endif

/// Runs checkTarget for a plan that differs from the toy one.
static void checkTarget(const std::function<void(plan::TargetT &)> &change) {
  plan::PlanT plan = toyPlan();
  change(*plan.target);
  auto file = PlanFile::fromMemory(planBytes(packPlan(plan)), "toy.plan");
  CpuDevice(1, false).checkTarget(*file->plan().target(), "toy.plan");
}

TEST(CpuDevice, TargetFits) {
  checkTarget([](plan::TargetT &) {});
}

// Test: the message names every missing feature and what to do.
TEST(CpuDevice, NamesMissingFeatures) {
  std::string message =
      errorOf([] { checkTarget([](plan::TargetT &target) { target.features = {"sse2", "avx9000", "amx-dream"}; }); });
  EXPECT_NE(message.find("lacks: avx9000, amx-dream"), std::string::npos) << message;
  EXPECT_NE(message.find("--target"), std::string::npos) << message;
}

TEST(CpuDevice, OtherIsaAndDevice) {
  EXPECT_NE(errorOf([] { checkTarget([](plan::TargetT &target) { target.isa = "riscv64"; }); }).find("riscv64"),
            std::string::npos);
  EXPECT_NE(errorOf([] { checkTarget([](plan::TargetT &target) { target.device = "cuda"; }); }).find("cuda"),
            std::string::npos);
  EXPECT_NE(errorOf([] { Device::create("abacus", 1, false); }).find("abacus"), std::string::npos);
}

TEST(CpuCode, LoadsAndFinds) {
  std::vector<uint8_t> elf = readFile(QUIPU_TOY_KERNELS);
  CpuCode code(elf, "p");
  EXPECT_NE(code.lookup("toy_embed"), nullptr);
  EXPECT_EQ(code.lookup("toy_missing"), nullptr);
}

// Test: two libraries at once are two, and a third after them is not mistaken for one of them.
TEST(CpuCode, LibrariesStayApart) {
  std::vector<uint8_t> elf = readFile(QUIPU_TOY_KERNELS);
  const void *second = nullptr;
  CpuCode first(elf, "p");
  {
    CpuCode other(elf, "p");
    second = other.lookup("toy_embed");
    EXPECT_NE(first.lookup("toy_embed"), second);
  }
  CpuCode third(elf, "p");
  EXPECT_NE(first.lookup("toy_embed"), third.lookup("toy_embed"));
}

// Test: where a variable names a folder, the code stays there for profilers, once for each content.
TEST(CpuCode, StaysInTheFolderOfTheVariable) {
  std::vector<uint8_t> elf = readFile(QUIPU_TOY_KERNELS);
  TempFolder folder;
  setenv(kCodeFolderVariable, folder.path("code").c_str(), 1);
  for (int i = 0; i < 2; ++i) {
    CpuCode code(elf, "plans/some.qplan");
    EXPECT_NE(code.lookup("toy_embed"), nullptr);
  }
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(folder.path("code")))
    names.push_back(entry.path().filename().string());
  ASSERT_EQ(names.size(), 1u);
  EXPECT_TRUE(names[0].starts_with("some-") && names[0].ends_with(".so")) << names[0];
  EXPECT_EQ(readFile(folder.path("code/" + names[0])), elf);
  // A folder that cannot be made.
  setenv(kCodeFolderVariable, "/dev/null/code", 1);
  EXPECT_NE(errorOf([&] { CpuCode code(elf, "p"); }).find("QUIPU_CODE_FOLDER names /dev/null/code"), std::string::npos);
  unsetenv(kCodeFolderVariable);
}

TEST(CpuCode, RefusesWhatIsNoLibrary) {
  EXPECT_NE(errorOf([] { CpuCode code(std::vector<uint8_t>{1, 2, 3}, "p"); }).find("shared library"),
            std::string::npos);
  EXPECT_NE(errorOf([] { CpuCode code(std::vector<uint8_t>(1000, 7), "p"); }).find("ELF"), std::string::npos);
  std::vector<uint8_t> elf = readFile(QUIPU_TOY_KERNELS);
  elf[18] = 243; // e_machine: RISC-V
  EXPECT_NE(errorOf([&] { CpuCode code(elf, "p"); }).find("machine"), std::string::npos);
}

namespace {

/// Each block counts itself, and sees that the launch before is complete.
void countBlocks(void *const *buffers, const int64_t *dims, int64_t begin, int64_t end, void *scratch) {
  auto *counts = static_cast<std::atomic<int> *>(buffers[0]);
  auto *before = static_cast<std::atomic<int> *>(buffers[1]);
  auto *early = static_cast<std::atomic<int> *>(buffers[2]);
  int expected = int(reinterpret_cast<intptr_t>(buffers[3]));
  if (*before != expected || (reinterpret_cast<uintptr_t>(scratch) % 64) != 0)
    ++*early;
  *counts += int(end - begin);
}

} // namespace

// Test: every block of every launch runs once, after all blocks of the launch before; grids follow the dims.
TEST(CpuDevice, RunsListsInOrder) {
  for (unsigned threads : {1u, 2u, 5u}) {
    CpuDevice device(threads, false);
    std::atomic<int> counts[6] = {0, 0, 0, 0, 0, 0};
    std::atomic<int> early{0};
    LaunchList list;
    list.scratchBytes = 100;
    const plan::RowDim rows[5] = {plan::RowDim::one, plan::RowDim::tokens, plan::RowDim::outputs, plan::RowDim::lone,
                                  plan::RowDim::other};
    const int expected[6] = {0, 7, 3 * 4, 3 * 2, 3 * 1, 3 * 3};
    std::vector<std::array<void *, 4>> buffers(5);
    for (int i = 0; i < 5; ++i) {
      buffers[size_t(i)] = {&counts[i + 1], &counts[i], &early, reinterpret_cast<void *>(intptr_t(expected[i]))};
      list.launches.push_back(
          {reinterpret_cast<const void *>(&countBlocks), buffers[size_t(i)].data(), 4, rows[i], 3, i == 0 ? 7u : 3u});
    }
    device.prepare(list);
    int64_t dims[kNumDims] = {10, 6, 1, 2};
    device.run(list, dims);
    EXPECT_EQ(early, 0);
    for (int i = 0; i < 6; ++i)
      EXPECT_EQ(counts[i], expected[i]);
    // No rows of a kind: the launch is left out.
    int64_t none[kNumDims] = {10, 0, 1, 0};
    device.run(list, none);
    EXPECT_EQ(counts[3], expected[3]);
    EXPECT_EQ(counts[4], expected[4]);
  }
}
