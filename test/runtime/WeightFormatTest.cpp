//===- WeightFormatTest.cpp - Blocks of weights, against values worked out by hand -------===//

#include "runtime/abi/WeightFormat.h"
#include "runtime/abi/DataType.h"

#include "test/runtime/ToyPlan.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

using namespace quipu;
using quipu::test::readFile;

namespace {

const WeightFormat &q8 = *findWeightFormat("q8_0");

/// A format that the table does not have: 32 integers of 4 bits behind a scale. The lower halves of the bytes hold the
/// first 16, the upper halves the others.
constexpr WeightFormat kNibbles = {"nibbles",
                                   32,
                                   18,
                                   2,
                                   std::nullopt,
                                   BlockLayout{.integers = {.low = BitPlane::filled(2, 4, 16), .offset = 8},
                                               .scale = {.type = plan::DType::f16, .firstByte = 0},
                                               .scaleRun = 32,
                                               .rounding = BlockRounding::smallest}};

std::vector<uint8_t> encoded(const WeightFormat &format, std::vector<float> values) {
  values.resize((values.size() + format.blockElements - 1) / format.blockElements * format.blockElements);
  std::vector<uint8_t> bytes(format.bytes(values.size()), 0xcc);
  EXPECT_FALSE(encodeBlocks(format, values.data(), bytes.data(), values.size()));
  return bytes;
}

std::vector<float> decoded(const WeightFormat &format, const std::vector<uint8_t> &bytes) {
  std::vector<float> values(bytes.size() / format.blockBytes * format.blockElements);
  decodeBlocks(format, bytes.data(), values.data(), values.size());
  return values;
}

uint16_t scaleOf(const std::vector<uint8_t> &block) { return uint16_t(block[0] | block[1] << 8); }

} // namespace

// Test: names and sizes; dense formats have blocks of one number.
TEST(WeightFormat, Table) {
  EXPECT_EQ(findWeightFormat("bf16")->bytes(7), 14u);
  EXPECT_EQ(findWeightFormat("f32"), &denseFormat(plan::DType::f32));
  EXPECT_EQ(denseFormat(plan::DType::f16).name, "f16");
  EXPECT_EQ(q8.bytes(64), 68u);
  EXPECT_TRUE(q8.fits(96));
  EXPECT_FALSE(q8.fits(48));
  EXPECT_TRUE(denseFormat(plan::DType::f32).fits(1));
  EXPECT_EQ(findWeightFormat("q8"), nullptr);
  EXPECT_TRUE(weightFormatNames().starts_with("f32, f16, bf16, q8_0"));
  EXPECT_TRUE(weightFormatNames(/*blocksOnly=*/true).starts_with("q8_0"));
}

// Test: where an integer lies: in runs that fill the bytes from their lowest bits.
TEST(WeightFormat, Places) {
  auto expectPlace = [](const BitPlane &plane, uint32_t i, uint32_t byte, uint32_t shift) {
    EXPECT_EQ(plane.place(i).byte, byte) << i;
    EXPECT_EQ(plane.place(i).shift, shift) << i;
  };
  BitPlane bytes = BitPlane::filled(2, 8, 32);
  expectPlace(bytes, 0, 2, 0);
  expectPlace(bytes, 31, 33, 0);
  BitPlane halves = BitPlane::filled(4, 4, 32);
  expectPlace(halves, 31, 35, 0);
  expectPlace(halves, 40, 12, 4);
  expectPlace(halves, 70, 42, 0);
  BitPlane crumbs = BitPlane::filled(0, 2, 16);
  expectPlace(crumbs, 35, 3, 4);
  expectPlace(crumbs, 64, 16, 0);
  BitPlane bits = BitPlane::filled(0, 1, 1);
  expectPlace(bits, 9, 1, 1);
  // Groups that lie apart, and higher.
  BitPlane apart = {
      .firstByte = 8, .bits = 4, .run = 4, .runsInByte = 1, .groupBytes = 4, .firstBit = 0, .groupBits = 4};
  expectPlace(apart, 3, 11, 0);
  expectPlace(apart, 5, 13, 4);
}

// Test: the scale is the largest magnitude / 127, ties go away from zero, and the bytes are where they belong.
TEST(WeightFormat, Q8Blocks) {
  std::vector<uint8_t> block = encoded(q8, {127, -127, 0.5f, -0.5f, 1.5f, 0.49f, -2.5f, 126.5f});
  EXPECT_EQ(scaleOf(block), 0x3c00);
  std::vector<uint8_t> expected = {127, 0x81, 1, 0xff, 2, 0, 0xfd, 127, 0};
  EXPECT_EQ(std::vector<uint8_t>(block.begin() + 2, block.begin() + 11), expected);
  std::vector<float> values = decoded(q8, block);
  EXPECT_EQ(values[1], -127);
  EXPECT_EQ(values[4], 2);

  // 0.49999997 + 0.5 is 1 in f32, and yet the nearest integer is 0.
  EXPECT_EQ(encoded(q8, {127, 0x1.fffffep-2f})[3], 0);
  // The second block has its own scale: 254 / 127.
  std::vector<float> two(64);
  two[0] = 1;
  two[40] = -254;
  two[41] = 6;
  block = encoded(q8, two);
  EXPECT_EQ(scaleOf({block.begin() + 34, block.end()}), 0x4000);
  EXPECT_EQ(block[34 + 2 + 8], 0x81);
  EXPECT_EQ(block[34 + 2 + 9], 3);
  // Rounding uses the scale as it was in f32: 1 / 127 is no f16.
  EXPECT_EQ(scaleOf(block), f16FromF32(1.0f / 127));
  EXPECT_EQ(block[2], 127);
  // -128, which encoding never makes, is a number all the same.
  std::vector<uint8_t> lowest(34);
  lowest[1] = 0x38;
  lowest[2] = 0x80;
  EXPECT_EQ(decoded(q8, lowest)[0], -64);
}

// Test: blocks of zeros; scales that f16 holds as a subnormal, as zero, and of which f32 has no reciprocal.
TEST(WeightFormat, SmallScales) {
  EXPECT_EQ(encoded(q8, {0, -0.0f}), std::vector<uint8_t>(34));
  std::vector<uint8_t> subnormal = encoded(q8, {0x1p-20f * 127, 0x1p-20f * -3});
  EXPECT_EQ(scaleOf(subnormal), 0x0010);
  EXPECT_EQ(subnormal[3], 0xfd);
  EXPECT_EQ(decoded(q8, subnormal)[1], 0x1p-20f * -3);
  std::vector<uint8_t> vanishing = encoded(q8, {0x1p-26f * 127});
  EXPECT_EQ(scaleOf(vanishing), 0);
  EXPECT_EQ(vanishing[2], 127);
  EXPECT_EQ(decoded(q8, vanishing)[0], 0);
  EXPECT_EQ(encoded(q8, {1e-40f, -1e-41f}), std::vector<uint8_t>(34));
}

// Test: the number of the first value that no block can hold.
TEST(WeightFormat, Refusals) {
  auto refused = [](float value) {
    std::vector<float> values(96, 1.0f);
    values[70] = value;
    std::vector<uint8_t> bytes(q8.bytes(values.size()));
    return encodeBlocks(q8, values.data(), bytes.data(), values.size());
  };
  EXPECT_EQ(refused(std::numeric_limits<float>::infinity()), 70u);
  EXPECT_EQ(refused(-std::numeric_limits<float>::infinity()), 70u);
  EXPECT_EQ(refused(std::numeric_limits<float>::quiet_NaN()), 70u);
  // 127 times the largest f16 is the most.
  EXPECT_EQ(refused(-65536.0f * 127), 70u);
  EXPECT_FALSE(refused(65504.0f * 127));
}

// Test: integers of 4 bits: the value of the largest magnitude becomes 0, ties go up.
TEST(WeightFormat, Nibbles) {
  std::vector<float> values = {-8, 7, 8, 0.5f, -0.5f, 1};
  values.resize(32);
  values[16] = -1;
  values[17] = 3;
  std::vector<uint8_t> block = encoded(kNibbles, values);
  EXPECT_EQ(scaleOf(block), 0x3c00);
  std::vector<uint8_t> expected = {7 << 4, 15 | 11 << 4, 15 | 8 << 4, 9 | 8 << 4, 8 | 8 << 4, 9 | 8 << 4};
  EXPECT_EQ(std::vector<uint8_t>(block.begin() + 2, block.begin() + 8), expected);
  std::vector<float> back = decoded(kNibbles, block);
  EXPECT_EQ(back[0], -8);
  EXPECT_EQ(back[2], 7);
  EXPECT_EQ(back[16], -1);
  EXPECT_EQ(back[17], 3);
  // A positive value makes the scale negative: 4 / -8.
  block = encoded(kNibbles, {4, -1});
  EXPECT_EQ(scaleOf(block), 0xb800);
  EXPECT_EQ(decoded(kNibbles, block)[0], 4);
  EXPECT_EQ(decoded(kNibbles, block)[1], -1);
}

// Test: q4_0 has the value of the largest magnitude as 0, and its second half in the upper bits.
TEST(WeightFormat, Q4Blocks) {
  const WeightFormat &q4 = *findWeightFormat("q4_0");
  std::vector<float> values = {-4, 3.5f, 4, 0.25f, -0.25f};
  values.resize(32);
  values[17] = 1.5f;
  values[31] = -0.5f;
  std::vector<uint8_t> block = encoded(q4, values);
  EXPECT_EQ(block.size(), 18u);
  EXPECT_EQ(scaleOf(block), 0x3800);
  std::vector<uint8_t> expected = {0 | 8 << 4, 15 | 11 << 4, 15 | 8 << 4, 9 | 8 << 4, 8 | 8 << 4};
  EXPECT_EQ(std::vector<uint8_t>(block.begin() + 2, block.begin() + 7), expected);
  EXPECT_EQ(block[17], 8 | 7 << 4);
  std::vector<float> back = decoded(q4, block);
  EXPECT_EQ(back[0], -4);
  EXPECT_EQ(back[2], 3.5f);
  EXPECT_EQ(back[3], 0.5f);
  EXPECT_EQ(back[17], 1.5f);
  EXPECT_EQ(back[31], -0.5f);
}

// Test: from each dense type to blocks and back, in more than one piece; the bad value is counted over all pieces.
TEST(WeightFormat, Conversions) {
  constexpr size_t kCount = 4096;
  std::vector<float> values(kCount);
  for (size_t i = 0; i < kCount; ++i)
    values[i] = float(int(i * 29 % 255) - 127) / 8;
  std::vector<uint8_t> expected(q8.bytes(kCount));
  ASSERT_FALSE(encodeBlocks(q8, values.data(), expected.data(), kCount));
  for (plan::DType type : {plan::DType::f32, plan::DType::f16, plan::DType::bf16}) {
    const WeightFormat &dense = denseFormat(type);
    std::vector<uint8_t> stored(dense.bytes(kCount)), blocks(expected.size()), back(stored.size());
    ASSERT_FALSE(convertBlocks(denseFormat(plan::DType::f32), values.data(), dense, stored.data(), kCount));
    ASSERT_FALSE(convertBlocks(dense, stored.data(), q8, blocks.data(), kCount));
    EXPECT_EQ(blocks, expected) << dense.name;
    ASSERT_FALSE(convertBlocks(q8, blocks.data(), dense, back.data(), kCount));
    std::vector<float> last(kCount);
    ASSERT_FALSE(convertBlocks(dense, back.data(), denseFormat(plan::DType::f32), last.data(), kCount));
    // Half a step of a block whose largest value is 127 / 8, and the rounding of the type.
    for (size_t i = 0; i < kCount; ++i)
      EXPECT_NEAR(last[i], values[i], 0.0626 + std::fabs(values[i]) / 256);
  }
  values[3333] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(convertBlocks(denseFormat(plan::DType::f32), values.data(), q8, expected.data(), kCount), 3333u);
}

// Test: random blocks of every format have, bit for bit, the values that the Python package gguf gives them.
TEST(WeightFormat, Goldens) {
  std::vector<uint8_t> text = readFile(std::string(QUIPU_TEST_SOURCE_DIR) + "/runtime/block-goldens.json");
  nlohmann::json goldens = nlohmann::json::parse(text);
  ASSERT_EQ(goldens.size(), 11u);
  for (const nlohmann::json &golden : goldens) {
    std::string name = golden["format"], digits = golden["bytes"];
    std::vector<uint32_t> expected = golden["bits"];
    const WeightFormat *format = findWeightFormat(name);
    ASSERT_NE(format, nullptr) << name;
    std::vector<uint8_t> bytes;
    for (size_t i = 0; i < digits.size(); i += 2)
      bytes.push_back(uint8_t(std::stoi(digits.substr(i, 2), nullptr, 16)));
    ASSERT_EQ(bytes.size(), 2 * format->blockBytes) << name;
    std::vector<float> values = decoded(*format, bytes);
    ASSERT_EQ(values.size(), expected.size()) << name;
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_EQ(std::bit_cast<uint32_t>(values[i]), expected[i]) << name << " value " << i;
  }
}

// Test: q8_k, which that package does not read: an f32 scale, 256 bytes, and sums that nobody reads.
TEST(WeightFormat, Q8KBlocks) {
  const WeightFormat &format = *findWeightFormat("q8_k");
  std::vector<uint8_t> block(292, 0x77);
  float scale = 0.25f;
  memcpy(block.data(), &scale, 4);
  block[4] = 0x80;
  block[259] = 3;
  std::vector<float> values = decoded(format, block);
  EXPECT_EQ(values[0], -32);
  EXPECT_EQ(values[255], 0.75f);
  EXPECT_FALSE(format.canEncode());
}

namespace {
/// Mean squared error of rounding, in units of the values' own variance.
double relativeError(const WeightFormat &format, const std::vector<float> &values) {
  std::vector<float> back = decoded(format, encoded(format, values));
  double error = 0, power = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    error += std::pow(double(back[i]) - values[i], 2);
    power += std::pow(double(values[i]), 2);
  }
  return error / power;
}
} // namespace

// Test: the searched formats are about as near to normal values as their bits allow: an error above the bound, which is
// 5 % above what was measured, is a search that got worse.
TEST(WeightFormat, SearchedErrors) {
  std::vector<float> values(1 << 15);
  uint64_t state = 1;
  for (float &value : values) {
    double sum = -6;
    for (int i = 0; i < 12; ++i) {
      state = state * 6364136223846793005 + 1442695040888963407;
      sum += double(state >> 11) * 0x1p-53;
    }
    value = float(sum * 0.02);
  }
  const std::pair<const char *, double> bounds[] = {
      {"q4_1", 5.02e-3}, {"q5_1", 1.20e-3}, {"q2_k", 6.94e-2}, {"q3_k", 2.13e-2}, {"q4_k", 4.98e-3},
      {"q5_k", 1.21e-3}, {"q6_k", 3.18e-4}, {"q4_0", 7.36e-3}, {"q5_0", 1.81e-3}, {"q8_0", 2.85e-5}};
  for (auto [name, bound] : bounds) {
    EXPECT_LT(relativeError(*findWeightFormat(name), values), bound) << name;
  }
}

// Test: blocks of zeros, of one value, and of values of one sign are rounded without harm.
TEST(WeightFormat, SearchedEdges) {
  for (const char *name : {"q4_1", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k"}) {
    const WeightFormat &format = *findWeightFormat(name);
    std::vector<float> zeros(256);
    EXPECT_EQ(decoded(format, encoded(format, zeros)), zeros) << name;
    std::vector<float> constant(256, 0.5f), positive(256);
    for (size_t i = 0; i < positive.size(); ++i)
      positive[i] = 1.0f + float(i % 4) / 4;
    EXPECT_LT(relativeError(format, constant), 1e-3) << name;
    EXPECT_LT(relativeError(format, positive), 0.02) << name;
    std::vector<float> tiny(256, 1e-40f);
    for (float value : decoded(format, encoded(format, tiny)))
      EXPECT_LT(std::fabs(value), 1e-6f) << name;
    std::vector<float> huge(256, 3e38f);
    std::vector<uint8_t> bytes(format.bytes(huge.size()));
    EXPECT_TRUE(encodeBlocks(format, huge.data(), bytes.data(), huge.size())) << name;
  }
}
