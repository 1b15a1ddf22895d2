//===- TuneTest.cpp: which schedules are tried, and which are kept ------------------------===//

#include "tools/quipu/tune/Candidates.h"
#include "tools/quipu/tune/Comparison.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

using namespace quipu::tool;

namespace {

constexpr const char *kFew = "#llama.cpu_linear<rows = few, lanes = 8, run = 8, vectors = 1, rowTiles = 1, dot = fma, "
                             "prefetch = 256, streams = 2>";
constexpr const char *kMany = "#llama.cpu_linear<rows = many, lanes = 8, run = 2, vectors = 3, rowTiles = 102, dot = "
                              "bf16, prefetch = 0>";

TEST(Candidates, SchedulesAreRead) {
  std::optional<TunableSchedule> few = TunableSchedule::parse(kFew), many = TunableSchedule::parse(kMany);
  ASSERT_TRUE(few && many);
  EXPECT_EQ(few->family, ScheduleFamily::CpuFew);
  EXPECT_EQ(few->lanes, 8);
  EXPECT_EQ(few->dot, "fma");
  EXPECT_EQ(few->numbers, (ScheduleNumbers{{"few-run", 8}, {"streams", 2}, {"prefetch", 256}}));
  EXPECT_EQ(many->family, ScheduleFamily::CpuMany);
  EXPECT_EQ(many->dot, "bf16");
  EXPECT_EQ(many->numbers, (ScheduleNumbers{{"run", 2}, {"vectors", 3}, {"row-tiles", 102}}));
  EXPECT_FALSE(TunableSchedule::parse("#llama.cpu_attention<rows = few, lanes = 8, keys = 32, dot = fma>"));
  EXPECT_FALSE(TunableSchedule::parse(""));
}

TEST(Candidates, MovesKeepOtherNumbers) {
  TunableSchedule few = *TunableSchedule::parse(kFew);
  EXPECT_EQ(applyMove({ScheduleFamily::CpuFew, {{"prefetch", 0}}}, few),
            (ScheduleNumbers{{"few-run", 8}, {"streams", 2}, {"prefetch", 0}}));
  // What changes nothing is not measured, and a move over many rows is for other kernels.
  EXPECT_FALSE(applyMove({ScheduleFamily::CpuFew, {{"few-run", 8}}}, few));
  EXPECT_FALSE(applyMove({ScheduleFamily::CpuMany, {{"row-tiles", 8}}}, few));
  // A run has as many rows as are read side by side.
  EXPECT_FALSE(applyMove({ScheduleFamily::CpuFew, {{"few-run", 1}}}, few));
}

TEST(Candidates, TilesFitTheRegistersAndTheProducts) {
  TunableSchedule many = *TunableSchedule::parse(kMany);
  many.dot = "fma";
  EXPECT_TRUE(applyMove({ScheduleFamily::CpuMany, {{"run", 3}, {"vectors", 2}}}, many));
  EXPECT_FALSE(applyMove({ScheduleFamily::CpuMany, {{"run", 3}, {"vectors", 4}}}, many));
  many.lanes = 16;
  EXPECT_TRUE(applyMove({ScheduleFamily::CpuMany, {{"run", 3}, {"vectors", 4}}}, many));
  many.runMultiple = 2;
  EXPECT_FALSE(applyMove({ScheduleFamily::CpuMany, {{"run", 3}, {"vectors", 4}}}, many));
  EXPECT_TRUE(applyMove({ScheduleFamily::CpuMany, {{"run", 2}, {"vectors", 2}}}, many));
  many.dot = "amx_bf16";
  EXPECT_FALSE(applyMove({ScheduleFamily::CpuMany, {{"run", 2}, {"vectors", 2}}}, many));
  EXPECT_TRUE(applyMove({ScheduleFamily::CpuMany, {{"row-tiles", 8}}}, many));
}

TEST(Candidates, RunsFitInterleavedRows) {
  TunableSchedule few = *TunableSchedule::parse(kFew), many = *TunableSchedule::parse(kMany);
  few.isInBlocks = many.isInBlocks = true;
  EXPECT_FALSE(applyMove({ScheduleFamily::CpuFew, {{"few-run", 4}}}, few));
  EXPECT_TRUE(applyMove({ScheduleFamily::CpuFew, {{"prefetch", 1024}}}, few));
  EXPECT_TRUE(applyMove({ScheduleFamily::CpuFew, {{"streams", 4}}}, few));
  EXPECT_FALSE(applyMove({ScheduleFamily::CpuMany, {{"run", 3}, {"vectors", 2}}}, many));
  EXPECT_TRUE(applyMove({ScheduleFamily::CpuMany, {{"run", 4}, {"vectors", 1}}}, many));
}

constexpr const char *kRing =
    "#llama.cuda_linear_ring<depth = 1024, stages = 5, afterWait = 2, inFlightBeforeWait = 2, "
    "inFlight = 3, warps = 8, scaleAfter = true>";
constexpr const char *kCudaFew =
    "#llama.cuda_linear_few<tokens = 8, warps = 8, ahead = 8, dot = mma, scaleAfter = true>";
constexpr const char *kCudaMany =
    "#llama.cuda_linear_many<tokens = 256, rows = 128, depth = 64, stages = 4, warps = 8, "
    "dot = wgmma, weight_first = true, persistent = true, ahead = false, cluster = 2>";
constexpr const char *kOneTile = "#llama.cuda_linear_many<tokens = 64, rows = 96, depth = 64, stages = 10, warps = 4, "
                                 "dot = wgmma, weight_first = false, persistent = false, ahead = true, cluster = 1>";
constexpr const char *kFewRows =
    "#llama.cuda_linear_many<tokens = 64, rows = 224, depth = 128, stages = 2, warps = 4, dot = wgmma, weight_first = "
    "false, persistent = false, ahead = true, cluster = 1, burst = 64>";
constexpr const char *kAttention =
    "#llama.cuda_attention<regime = few, tokens = 1, heads = 1, warps = 8, keys = 64, splits = 4, dot = mma>";

TEST(Candidates, SchedulesOfGpusAreRead) {
  EXPECT_EQ(TunableSchedule::parse(kRing)->numbers, (ScheduleNumbers{{"ring-depth", 1024},
                                                                     {"ring-stages", 5},
                                                                     {"ring-after-wait", 2},
                                                                     {"ring-in-flight-before-wait", 2},
                                                                     {"ring-in-flight", 3}}));
  EXPECT_EQ(TunableSchedule::parse(kCudaFew)->numbers, (ScheduleNumbers{{"warps", 8}, {"ahead", 8}}));
  // The rows of operand B, whichever operand the weight is.
  EXPECT_EQ(TunableSchedule::parse(kCudaMany)->numbers,
            (ScheduleNumbers{{"rows", 256}, {"stages", 4}, {"cluster", 2}}));
  EXPECT_EQ(TunableSchedule::parse(kOneTile)->numbers, (ScheduleNumbers{{"rows", 96}, {"stages", 10}}));
  EXPECT_EQ(TunableSchedule::parse(kAttention)->numbers, (ScheduleNumbers{{"keys", 64}, {"splits", 4}}));
  // These have no numbers that options could change.
  for (const char *other : {"#llama.cuda_pointwise<threads = 256>",
                            "#llama.cuda_attention<regime = many, tokens = 128, heads = 1, warps = 8, keys = 64, "
                            "splits = 1, dot = mma>",
                            "#llama.cuda_linear_many<tokens = 64, rows = 64, depth = 64, stages = 4, warps = 4, dot = "
                            "mma, weight_first = false, persistent = false, ahead = true, cluster = 1>"})
    EXPECT_FALSE(TunableSchedule::parse(other)) << other;
}

TEST(Candidates, StagesFitSharedMemory) {
  TunableSchedule many = *TunableSchedule::parse(kCudaMany), one = *TunableSchedule::parse(kOneTile);
  EXPECT_FALSE(applyMove({ScheduleFamily::CudaMany, {{"stages", 5}}}, many));
  EXPECT_TRUE(applyMove({ScheduleFamily::CudaMany, {{"stages", 3}}}, many));
  EXPECT_TRUE(applyMove({ScheduleFamily::CudaMany, {{"stages", 5}}}, one));
  // A stage may have more than 64 elements of a row.
  EXPECT_FALSE(applyMove({ScheduleFamily::CudaMany, {{"stages", 4}}}, *TunableSchedule::parse(kFewRows)));
  // With other rows the compiler chooses the stages. One tile has no cluster.
  EXPECT_TRUE(applyMove({ScheduleFamily::CudaMany, {{"rows", 192}}}, one));
  EXPECT_TRUE(applyMove({ScheduleFamily::CudaMany, {{"cluster", 1}}}, many));
  EXPECT_FALSE(applyMove({ScheduleFamily::CudaMany, {{"cluster", 2}}}, one));
}

TEST(Candidates, MovesOfACandidateAreForDifferentKernels) {
  const std::map<ScheduleFamily, const char *> schedules = {
      {ScheduleFamily::CpuFew, kFew},        {ScheduleFamily::CpuMany, kMany},
      {ScheduleFamily::CudaRing, kRing},     {ScheduleFamily::CudaFew, kCudaFew},
      {ScheduleFamily::CudaMany, kCudaMany}, {ScheduleFamily::CudaAttention, kAttention}};
  for (const auto &candidates : {cpuCandidates(), cudaCandidates()})
    for (const std::vector<ScheduleMove> &moves : candidates) {
      std::set<ScheduleFamily> families;
      for (const ScheduleMove &move : moves) {
        EXPECT_TRUE(families.insert(move.family).second) << move.name();
        EXPECT_TRUE(!move.isForOverlap || moves.size() == 1) << move.name();
        const TunableSchedule schedule = *TunableSchedule::parse(schedules.at(move.family));
        for (const auto &[name, value] : move.numbers)
          EXPECT_TRUE(schedule.numbers.contains(name)) << move.name();
      }
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

// Test: where the machine becomes slower on the way, the new time still says what the ratio says.
TEST(Comparison, TimesSayWhatTheRatioSays) {
  Comparison comparison =
      compare({{100, 95}, {100, 95}, {100, 120}, {150, 141}, {150, 142}, {100, 120}, {150, 140}, {100, 95}});
  EXPECT_LT(comparison.ratio(), 1);
  EXPECT_LT(comparison.after(), comparison.before());
}

} // namespace
