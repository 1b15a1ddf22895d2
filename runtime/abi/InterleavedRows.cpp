//===- InterleavedRows.cpp - Rows of a weight, word by word ------------------------------===//

#include "runtime/abi/InterleavedRows.h"
#include "runtime/abi/DataType.h"

#include <cstring>

namespace quipu {

std::vector<BlockUnit> unitsOf(const WeightFormat &format) {
  if (!format.block)
    return {};
  auto numberAt = [&](uint32_t byte) -> uint32_t {
    if (byte == format.block->scale.firstByte)
      return uint32_t(dtypeSize(format.block->scale.type));
    if (format.block->minimum && byte == format.block->minimum->scale.firstByte)
      return uint32_t(dtypeSize(format.block->minimum->scale.type));
    return 0;
  };
  std::vector<BlockUnit> units;
  for (uint32_t byte = 0; byte < format.blockBytes; byte += units.back().bytes) {
    uint32_t number = numberAt(byte);
    if (!number && (byte + kWordBytes > format.blockBytes || numberAt(byte + 2)))
      return {};
    units.push_back({byte, number ? number : kWordBytes});
  }
  return units;
}

/// Copies a unit of `Bytes` bytes of each row; the rows are `rowBytes` apart.
template <uint32_t Bytes> static char *copyUnit(const char *source, uint64_t rowBytes, uint32_t rows, char *target) {
  for (uint32_t row = 0; row < rows; ++row, source += rowBytes, target += Bytes)
    memcpy(target, source, Bytes);
  return target;
}

void interleaveRows(const WeightFormat &format, uint32_t rows, uint64_t rowBytes, const char *source, char *target) {
  std::vector<BlockUnit> units = unitsOf(format);
  for (uint64_t block = 0; block < rowBytes; block += format.blockBytes)
    for (const BlockUnit &unit : units) {
      const char *first = source + block + unit.firstByte;
      target =
          unit.bytes == 2 ? copyUnit<2>(first, rowBytes, rows, target) : copyUnit<4>(first, rowBytes, rows, target);
    }
}

} // namespace quipu
