//===- TuneTest.cpp: which schedules are tried, and which are kept ------------------------===//

#include "tools/quipu/tune/Candidates.h"
#include "tools/quipu/tune/Comparison.h"

#include <gtest/gtest.h>

using namespace quipu::tool;

namespace {

constexpr const char *kFew = "#llama.cpu_linear<rows = few, lanes = 8, run = 8, vectors = 1, rowTiles = 1, dot = fma, "
                             "prefetch = 256, streams = 2>";
constexpr const char *kMany = "#llama.cpu_linear<rows = many, lanes = 8, run = 2, vectors = 3, rowTiles = 102, dot = "
                              "bf16, prefetch = 0>";

TEST(Candidates, SchedulesAreRead) {
  std::optional<CpuSchedule> few = CpuSchedule::parse(kFew), many = CpuSchedule::parse(kMany);
  ASSERT_TRUE(few && many);
  EXPECT_FALSE(few->isMany);
  EXPECT_EQ(few->lanes, 8);
  EXPECT_EQ(few->dot, "fma");
  EXPECT_EQ(few->numbers, (ScheduleNumbers{{"few-run", 8}, {"streams", 2}, {"prefetch", 256}}));
  EXPECT_TRUE(many->isMany);
  EXPECT_EQ(many->dot, "bf16");
  EXPECT_EQ(many->numbers, (ScheduleNumbers{{"run", 2}, {"vectors", 3}, {"row-tiles", 102}}));
  EXPECT_FALSE(CpuSchedule::parse("#llama.cpu_attention<rows = few, lanes = 8, keys = 32, dot = fma>"));
  EXPECT_FALSE(CpuSchedule::parse(""));
}

TEST(Candidates, MovesKeepOtherNumbers) {
  CpuSchedule few = *CpuSchedule::parse(kFew);
  EXPECT_EQ(applyMove({false, {{"prefetch", 0}}}, few),
            (ScheduleNumbers{{"few-run", 8}, {"streams", 2}, {"prefetch", 0}}));
  // What changes nothing is not measured, and a move over many rows is for other kernels.
  EXPECT_FALSE(applyMove({false, {{"few-run", 8}}}, few));
  EXPECT_FALSE(applyMove({true, {{"row-tiles", 8}}}, few));
  // A run has as many rows as are read side by side.
  EXPECT_FALSE(applyMove({false, {{"few-run", 1}}}, few));
}

TEST(Candidates, TilesFitTheRegistersAndTheProducts) {
  CpuSchedule many = *CpuSchedule::parse(kMany);
  many.dot = "fma";
  EXPECT_TRUE(applyMove({true, {{"run", 3}, {"vectors", 2}}}, many));
  EXPECT_FALSE(applyMove({true, {{"run", 3}, {"vectors", 4}}}, many));
  many.lanes = 16;
  EXPECT_TRUE(applyMove({true, {{"run", 3}, {"vectors", 4}}}, many));
  many.runMultiple = 2;
  EXPECT_FALSE(applyMove({true, {{"run", 3}, {"vectors", 4}}}, many));
  EXPECT_TRUE(applyMove({true, {{"run", 2}, {"vectors", 2}}}, many));
  many.dot = "amx_bf16";
  EXPECT_FALSE(applyMove({true, {{"run", 2}, {"vectors", 2}}}, many));
  EXPECT_TRUE(applyMove({true, {{"row-tiles", 8}}}, many));
}

TEST(Candidates, RunsFitInterleavedRows) {
  CpuSchedule few = *CpuSchedule::parse(kFew), many = *CpuSchedule::parse(kMany);
  few.isInBlocks = many.isInBlocks = true;
  EXPECT_FALSE(applyMove({false, {{"few-run", 4}}}, few));
  EXPECT_TRUE(applyMove({false, {{"prefetch", 1024}}}, few));
  EXPECT_TRUE(applyMove({false, {{"streams", 4}}}, few));
  EXPECT_FALSE(applyMove({true, {{"run", 3}, {"vectors", 2}}}, many));
  EXPECT_TRUE(applyMove({true, {{"run", 4}, {"vectors", 1}}}, many));
}

TEST(Candidates, AllMovesAreForOneKindOfKernel) {
  for (const ScheduleMove &move : scheduleMoves()) {
    const CpuSchedule schedule = *CpuSchedule::parse(move.isMany ? kMany : kFew);
    for (const auto &[name, value] : move.numbers)
      EXPECT_TRUE(schedule.numbers.contains(name)) << move.name();
  }
}

Comparison compare(std::initializer_list<std::pair<double, double>> times) {
  Comparison comparison;
  for (auto [before, after] : times)
    comparison.add(before, after);
  return comparison;
}

TEST(Comparison, AGainIsMoreThanTheSpread) {
  Comparison gain = compare({{100, 90}, {200, 181}, {100, 91}, {100, 90}});
  EXPECT_NEAR(gain.ratio(), 0.9, 0.006);
  EXPECT_TRUE(gain.isBetterThan(1));
  // Of what was found before it is no gain.
  EXPECT_FALSE(gain.isBetterThan(0.91));
  // As large a gain, in times that lie far apart.
  EXPECT_FALSE(compare({{100, 70}, {100, 110}, {100, 90}, {100, 80}, {100, 115}}).isBetterThan(1));
  // A small one, however sure.
  EXPECT_FALSE(compare({{100, 99}, {100, 99}, {100, 99}}).isBetterThan(1));
  // One measurement says nothing.
  EXPECT_FALSE(compare({{100, 10}}).isBetterThan(1));
  EXPECT_FALSE(Comparison().isBetterThan(1));
}

TEST(Comparison, OneSlowRoundChangesLittle) {
  Comparison comparison = compare({{100, 90}, {100, 90}, {100, 900}, {100, 90}, {100, 91}});
  EXPECT_TRUE(comparison.isBetterThan(1));
  EXPECT_EQ(comparison.before(), 100);
  EXPECT_EQ(comparison.after(), 90);
}

} // namespace
