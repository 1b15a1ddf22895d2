//===- CpuTargetTest.cpp - Parsing of --target --------------------------------===//

#include "codegen/cpu/CpuTarget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace quipu::codegen::cpu;
using testing::HasSubstr;
using testing::Not;

static std::string errorOf(llvm::StringRef text) {
  auto target = parseCpuTarget(text);
  return target ? "accepted" : llvm::toString(target.takeError());
}

TEST(CpuTarget, LevelsOfThePsAbi) {
  auto v3 = parseCpuTarget("cpu:x86-64-v3");
  ASSERT_TRUE(static_cast<bool>(v3));
  EXPECT_EQ(v3->lanes(), 8);
  EXPECT_EQ(v3->vectorRegisters(), 16);
  EXPECT_FALSE(v3->hasBf16Dot());
  auto v4 = parseCpuTarget("cpu:x86-64-v4");
  ASSERT_TRUE(static_cast<bool>(v4));
  EXPECT_EQ(v4->lanes(), 16);
  EXPECT_EQ(v4->vectorRegisters(), 32);
  EXPECT_FALSE(v4->hasBf16Dot());
}

TEST(CpuTarget, FeaturesAreAddedAndTakenAway) {
  auto added = parseCpuTarget("cpu:x86-64-v4,+avx512bf16");
  ASSERT_TRUE(static_cast<bool>(added));
  EXPECT_TRUE(added->hasBf16Dot());
  EXPECT_EQ(added->requested, "x86-64-v4,+avx512bf16");
  auto taken = parseCpuTarget("cpu:x86-64-v4,+avx512bf16,-avx512f");
  ASSERT_TRUE(static_cast<bool>(taken));
  EXPECT_EQ(taken->lanes(), 8);
  for (const std::string &feature : taken->features)
    EXPECT_FALSE(llvm::StringRef(feature).starts_with("avx512")) << feature;
}

// Test: tiles are asked for by what multiplies them; without AVX-512 there are none.
TEST(CpuTarget, Tiles) {
  const std::string all = "cpu:x86-64-v4,+avx512bf16,+amx-tile,+amx-int8,+amx-bf16";
  auto target = parseCpuTarget(all);
  ASSERT_TRUE(static_cast<bool>(target));
  EXPECT_TRUE(target->hasAmxBf16());
  EXPECT_TRUE(target->hasAmxInt8());
  auto integers = parseCpuTarget(all + ",-amx-bf16");
  ASSERT_TRUE(static_cast<bool>(integers));
  EXPECT_FALSE(integers->hasAmxBf16());
  EXPECT_TRUE(integers->hasAmxInt8());
  for (const char *without : {",-amx-tile", ",-avx512f"}) {
    auto taken = parseCpuTarget(all + without);
    ASSERT_TRUE(static_cast<bool>(taken)) << without;
    EXPECT_FALSE(taken->hasAmxBf16() || taken->hasAmxInt8());
    EXPECT_THAT(taken->featureString(), Not(HasSubstr("amx"))) << without;
  }
  EXPECT_THAT(errorOf("cpu:x86-64-v4,+amx-int8"), HasSubstr("amx-int8 needs amx-tile"));
  EXPECT_THAT(errorOf("cpu:x86-64-v4,+amx-bf16"), HasSubstr("amx-bf16 needs amx-tile"));
  EXPECT_THAT(errorOf("cpu:x86-64-v3,+amx-tile"), HasSubstr("amx-tile needs avx512f"));
}

// Test: the VEX form is of vectors of 256 bits.
TEST(CpuTarget, DotsOfBytes) {
  for (auto [text, has] : {std::pair("cpu:x86-64-v3", false),
                           {"cpu:x86-64-v3,+avxvnni", true},
                           {"cpu:x86-64-v4,+avxvnni", false},
                           {"cpu:x86-64-v4,+avx512vnni", true}}) {
    auto target = parseCpuTarget(text);
    ASSERT_TRUE(static_cast<bool>(target)) << text;
    EXPECT_EQ(target->hasInt8Dot(), has) << text;
  }
}

// Test: the maker of the processor decides, and base levels are of no maker.
TEST(CpuTarget, HardwareThatReadsAheadWithinPages) {
  for (auto [tune, within] : {std::pair("x86-64-v3", false),
                              {"generic", false},
                              {"znver4", false},
                              {"bdver4", false},
                              {"haswell", true},
                              {"icelake-server", true},
                              {"znver5", false},
                              {"graniterapids", true}}) {
    CpuTarget target;
    target.tune = tune;
    EXPECT_EQ(target.readsAheadWithinPages(), within) << tune;
  }
}

// Test: a base level is of no processor, so nothing is known of its hardware.
TEST(CpuTarget, BaseLevelsNameNoProcessor) {
  for (auto [tune, isForAll, isLate, isLittleLate] : {std::tuple("x86-64-v3", true, false, false),
                                                      {"x86-64-v4", true, false, false},
                                                      {"generic", true, false, false},
                                                      {"znver2", false, false, false},
                                                      {"znver3", false, false, true},
                                                      {"znver4", false, false, false},
                                                      {"znver5", false, true, false},
                                                      {"icelake-server", false, false, false}}) {
    CpuTarget target;
    target.tune = tune;
    EXPECT_EQ(target.tunesForAll(), isForAll) << tune;
    EXPECT_EQ(target.readsAheadTooLate(), isLate) << tune;
    EXPECT_EQ(target.readsAheadLittleTooLate(), isLittleLate) << tune;
  }
}

// Test: what is not known of a processor is the least that its features allow.
TEST(CpuTarget, SizeOfTheL2) {
  for (auto [text, tune, size] : {std::tuple("cpu:x86-64-v3", "x86-64-v3", 512),
                                  {"cpu:x86-64-v4", "x86-64-v4", 1024},
                                  {"cpu:x86-64-v4", "icelake-server", 1024},
                                  {"cpu:x86-64-v4", "emeraldrapids", 2048},
                                  {"cpu:x86-64-v4", "graniterapids-d", 2048}}) {
    auto target = parseCpuTarget(text);
    ASSERT_TRUE(static_cast<bool>(target)) << text;
    target->tune = tune;
    EXPECT_EQ(target->l2Bytes(), int64_t(size) * 1024) << tune;
  }
}

TEST(CpuTarget, FeaturesAreSortedForThePlan) {
  auto target = parseCpuTarget("cpu:x86-64-v4");
  ASSERT_TRUE(static_cast<bool>(target));
  EXPECT_TRUE(std::is_sorted(target->features.begin(), target->features.end()));
  EXPECT_THAT(target->featureString(), HasSubstr("+avx512f,"));
}

TEST(CpuTarget, RefusesWhatItCannotCompileFor) {
  EXPECT_THAT(errorOf("cuda:sm_90a"), HasSubstr("is not a CPU target"));
  EXPECT_THAT(errorOf("cpux"), HasSubstr("is not a CPU target"));
  EXPECT_THAT(errorOf("cpu:486"), HasSubstr("unknown processor '486'"));
  EXPECT_THAT(errorOf("cpu:x86-64-v3,avx512f"), HasSubstr("expected +feature or -feature"));
  EXPECT_THAT(errorOf("cpu:x86-64-v3,+nosuch"), HasSubstr("unknown or unused feature 'nosuch'"));
  EXPECT_THAT(errorOf("cpu:x86-64-v3,-avx2"), HasSubstr("has no avx2"));
  EXPECT_THAT(errorOf("cpu:x86-64-v3,+avx512bf16"), HasSubstr("avx512bf16 needs avx512f"));
}
