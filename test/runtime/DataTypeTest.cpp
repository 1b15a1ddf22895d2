//===- DataTypeTest.cpp ------------------------------------------------------------------===//

#include "runtime/abi/DataType.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace quipu;

/// The value of a half-precision number by its definition.
static double halfValue(uint16_t bits) {
  int exponent = bits >> 10 & 31;
  int mantissa = bits & 1023;
  double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31)
    return mantissa ? std::numeric_limits<double>::quiet_NaN() : sign * std::numeric_limits<double>::infinity();
  return exponent ? sign * std::ldexp(1024 + mantissa, exponent - 25) : sign * std::ldexp(mantissa, -24);
}

// Test: every half has its value in f32, and comes back the same.
TEST(DataType, AllHalves) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    float value = f32FromF16(uint16_t(bits));
    if (std::isnan(halfValue(uint16_t(bits)))) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(f32FromF16(f16FromF32(value))));
      continue;
    }
    ASSERT_EQ(double(value), halfValue(uint16_t(bits))) << bits;
    ASSERT_EQ(f16FromF32(value), bits);
  }
}

// Test: rounding to half goes to the nearest, ties to even, beside every number and halfway to the next.
TEST(DataType, HalfRoundsToNearestEven) {
  for (uint16_t bits = 0; bits < 0x7bff; ++bits) {
    double low = halfValue(bits), high = halfValue(uint16_t(bits + 1));
    float middle = float((low + high) / 2);
    uint16_t even = bits % 2 == 0 ? bits : uint16_t(bits + 1);
    ASSERT_EQ(f16FromF32(middle), even) << bits;
    ASSERT_EQ(f16FromF32(std::nextafterf(middle, 0)), bits);
    ASSERT_EQ(f16FromF32(std::nextafterf(middle, 1e9f)), bits + 1);
    ASSERT_EQ(f16FromF32(-middle), even | 0x8000);
  }
  EXPECT_EQ(f16FromF32(65504.0f), 0x7bff);
  EXPECT_EQ(f16FromF32(65519.996f), 0x7bff);
  EXPECT_EQ(f16FromF32(65520.0f), 0x7c00);
  EXPECT_EQ(f16FromF32(1e30f), 0x7c00);
  EXPECT_EQ(f16FromF32(-INFINITY), 0xfc00);
}

TEST(DataType, Bf16RoundsToNearestEven) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    float value = std::bit_cast<float>(uint32_t(random()));
    uint16_t result = bf16FromF32(value);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(f32FromBf16(result)));
      continue;
    }
    uint32_t bits = std::bit_cast<uint32_t>(value);
    uint32_t rest = bits & 0xffff;
    uint32_t expected = bits >> 16;
    if (rest > 0x8000 || (rest == 0x8000 && expected % 2))
      ++expected;
    ASSERT_EQ(result, expected);
  }
  // A NaN whose payload lies in the lost bits stays a NaN.
  EXPECT_TRUE(std::isnan(f32FromBf16(bf16FromF32(std::bit_cast<float>(0x7f800001u)))));
}

// Test: arrays convert as single values do, at any length and alignment.
TEST(DataType, Arrays) {
  std::vector<float> values(2500);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(float(i)) * 1000;
  for (plan::DType type : {plan::DType::f16, plan::DType::bf16, plan::DType::f32}) {
    std::vector<char> narrow(values.size() * 4 + 1);
    convertElements(plan::DType::f32, values.data(), type, narrow.data() + 1, values.size());
    std::vector<float> wide(values.size());
    convertElements(type, narrow.data() + 1, plan::DType::f32, wide.data(), values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      float expected = type == plan::DType::f16    ? f32FromF16(f16FromF32(values[i]))
                       : type == plan::DType::bf16 ? f32FromBf16(bf16FromF32(values[i]))
                                                   : values[i];
      ASSERT_EQ(wide[i], expected);
    }
  }
}
