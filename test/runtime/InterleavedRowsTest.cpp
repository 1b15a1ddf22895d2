//===- InterleavedRowsTest.cpp - Rows of a weight, word by word ---------------------------===//

#include "runtime/abi/InterleavedRows.h"

#include <gtest/gtest.h>
#include <numeric>
#include <string>

using namespace quipu;

namespace {

std::string shapeOf(const char *format) {
  std::string text;
  for (const BlockUnit &unit : unitsOf(*findWeightFormat(format)))
    text += std::to_string(unit.firstByte) + ":" + std::to_string(unit.bytes) + " ";
  return text;
}

/// Bytes of a block in front of the unit that begins with a byte.
uint32_t placeOf(const char *format, uint32_t firstByte) {
  for (const BlockUnit &unit : unitsOf(*findWeightFormat(format)))
    if (unit.firstByte == firstByte)
      return unit.place;
  ADD_FAILURE() << "no unit of " << format << " begins with byte " << firstByte;
  return 0;
}

TEST(InterleavedRows, UnitsAreNumbersAndWords) {
  EXPECT_EQ(shapeOf("q4_0"), "0:2 2:4 6:4 10:4 14:4 ");
  EXPECT_EQ(shapeOf("q4_1"), "0:2 2:2 4:4 8:4 12:4 16:4 ");
  EXPECT_EQ(shapeOf("q5_0"), "0:2 6:4 2:4 10:4 14:4 18:4 ");
  EXPECT_TRUE(unitsOf(*findWeightFormat("f32")).empty());
}

/// A scale is needed first, then all factors, then both planes of bits, a word of each by turns.
TEST(InterleavedRows, UnitsFollowTheirUse) {
  EXPECT_TRUE(shapeOf("q6_k").starts_with("208:2 192:4 196:4 200:4 204:4 0:4 128:4 4:4 132:4 8:4 136:4 12:4 "))
      << shapeOf("q6_k");
  // Integers of q4_k that lie alike are evenly spaced, which kernels of large blocks rest on.
  EXPECT_TRUE(shapeOf("q4_k").starts_with("0:2 2:2 4:4 8:4 12:4 16:4 20:4 24:4 ")) << shapeOf("q4_k");
  // The same of q6_k: each word of both planes lies 96 bytes in front of the one that the second half has for it.
  for (uint32_t word = 0; word < 64; word += kWordBytes)
    EXPECT_EQ(placeOf("q6_k", word + 64) - placeOf("q6_k", word), 96u) << word;
  for (uint32_t word = 128; word < 160; word += kWordBytes)
    EXPECT_EQ(placeOf("q6_k", word + 32) - placeOf("q6_k", word), 96u) << word;
  // The sums of q8_k are not read.
  EXPECT_TRUE(shapeOf("q8_k").ends_with(" 256:4 260:4 264:4 268:4 272:4 276:4 280:4 284:4 288:4 ")) << shapeOf("q8_k");
}

/// Every byte of every row is where the formula of the header says.
TEST(InterleavedRows, AllFormatsFollowTheFormula) {
  for (const WeightFormat &format : weightFormats()) {
    std::vector<BlockUnit> units = unitsOf(format);
    if (format.dense)
      continue;
    ASSERT_FALSE(units.empty()) << format.name;
    constexpr uint32_t kRows = 8, kBlocks = 3;
    uint64_t rowBytes = uint64_t(format.blockBytes) * kBlocks;
    std::vector<char> rows(kRows * rowBytes), result(rows.size(), 0);
    for (size_t i = 0; i < rows.size(); ++i)
      rows[i] = char(i * 31 + i / 251);
    interleaveRows(format, kRows, rowBytes, rows.data(), result.data());
    for (uint32_t row = 0; row < kRows; ++row)
      for (uint32_t block = 0; block < kBlocks; ++block)
        for (const BlockUnit &unit : units)
          for (uint32_t byte = unit.firstByte; byte < unit.firstByte + unit.bytes; ++byte)
            ASSERT_EQ(result[size_t(block) * kRows * format.blockBytes + kRows * unit.place + row * unit.bytes +
                             (byte - unit.firstByte)],
                      rows[row * rowBytes + block * format.blockBytes + byte])
                << format.name << " row " << row << " block " << block << " byte " << byte;
  }
}

} // namespace
