//===- RandomWeightsTest.cpp -------------------------------------------------------------===//

#include "runtime/abi/RandomWeights.h"
#include "runtime/abi/DataType.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

using namespace quipu;
using plan::DType;
using plan::WeightRole;

static std::vector<float> values(const char *name, uint64_t seed, WeightRole role, uint64_t columns, uint64_t first,
                                 size_t count) {
  std::vector<float> result(count);
  fillRandom(name, seed, role, columns, first, count, result.data());
  return result;
}

// Test: mean, deviation, tails and neighbours are those of independent normal numbers of deviation 1/sqrt(columns).
TEST(RandomWeights, Distribution) {
  constexpr size_t count = 1 << 20;
  std::vector<float> x = values("model.layers.0.mlp.up_proj.weight", 7, WeightRole::matrix, 256, 0, count);
  double sum = 0, squares = 0, fourth = 0, neighbours = 0;
  for (size_t i = 0; i < count; ++i) {
    double value = x[i] * 16.0;
    sum += value;
    squares += value * value;
    fourth += value * value * value * value;
    neighbours += i ? value * x[i - 1] * 16.0 : 0;
  }
  EXPECT_NEAR(sum / count, 0, 0.005);
  EXPECT_NEAR(squares / count, 1, 0.005);
  // Four uniform numbers: 3 - 6/5 / 4.
  EXPECT_NEAR(fourth / count, 2.7, 0.03);
  EXPECT_NEAR(neighbours / count, 0, 0.005);
}

// Test: an element depends on its number, not on the range that is asked for; also past 2^32.
TEST(RandomWeights, RangesAgree) {
  for (uint64_t first : {uint64_t(0), uint64_t(12345), (uint64_t(1) << 32) - 700}) {
    std::vector<float> whole = values("w", 1, WeightRole::matrix, 64, first, 3000);
    std::vector<float> part = values("w", 1, WeightRole::matrix, 64, first + 1001, 999);
    EXPECT_EQ(std::vector<float>(whole.begin() + 1001, whole.begin() + 2000), part);
  }
}

// Test: another name, seed or upper half of the number gives unrelated values.
TEST(RandomWeights, StreamsDiffer) {
  auto correlation = [](const std::vector<float> &a, const std::vector<float> &b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i)
      sum += double(a[i]) * b[i];
    return sum / double(a.size());
  };
  constexpr size_t count = 1 << 16;
  std::vector<float> x = values("a", 1, WeightRole::matrix, 1, 0, count);
  EXPECT_NEAR(correlation(x, values("b", 1, WeightRole::matrix, 1, 0, count)), 0, 0.02);
  EXPECT_NEAR(correlation(x, values("a", 2, WeightRole::matrix, 1, 0, count)), 0, 0.02);
  EXPECT_NEAR(correlation(x, values("a", 1, WeightRole::matrix, 1, uint64_t(1) << 32, count)), 0, 0.02);
}

// Test: narrower types hold the same values, rounded.
TEST(RandomWeights, TypesRoundTheSameValues) {
  std::vector<float> wide = values("w", 3, WeightRole::embedding, 100, 17, 5000);
  std::vector<uint16_t> narrow(wide.size());
  fillRandom("w", 3, WeightRole::embedding, 100, 17, narrow.size(), denseFormat(DType::bf16), narrow.data());
  for (size_t i = 0; i < wide.size(); ++i)
    ASSERT_EQ(narrow[i], bf16FromF32(wide[i]));
  fillRandom("w", 3, WeightRole::embedding, 100, 17, narrow.size(), denseFormat(DType::f16), narrow.data());
  for (size_t i = 0; i < wide.size(); ++i)
    ASSERT_EQ(narrow[i], f16FromF32(wide[i]));
}

TEST(RandomWeights, Roles) {
  EXPECT_EQ(values("n", 9, WeightRole::norm, 4, 0, 4), std::vector<float>(4, 1.0f));
  EXPECT_EQ(randomDeviation(WeightRole::bias, 4096), 0.02);
  EXPECT_EQ(randomDeviation(WeightRole::embedding, 16), 0.25);
}

// Test: the values of this version stay those of the next, on every machine: goldens and tests elsewhere rely on them.
TEST(RandomWeights, ValuesAreFixed) {
  std::vector<float> x = values("model.embed_tokens.weight", 42, WeightRole::embedding, 64, 0, 4);
  EXPECT_EQ(x, (std::vector<float>{0x1.767d02p-4f, 0x1.37e09cp-7f, 0x1.e2604ap-6f, 0x1.97623ep-5f}));
}
