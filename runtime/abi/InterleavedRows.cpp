//===- InterleavedRows.cpp - Rows of a weight, word by word ------------------------------===//

#include "runtime/abi/InterleavedRows.h"
#include "runtime/abi/DataType.h"

#include <cstring>

namespace quipu {

/// The units of a block, from its first byte to its last.
static std::vector<BlockUnit> unitsByByte(const WeightFormat &format) {
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

namespace {

/// Puts units into the order in which they are needed.
class UnitOrder {
public:
  explicit UnitOrder(std::vector<BlockUnit> all) : units(std::move(all)), isTaken(units.size()) {}

  /// The unit of a byte is needed.
  void take(uint32_t byte) {
    for (size_t i = 0; i < units.size(); ++i)
      if (!isTaken[i] && byte >= units[i].firstByte && byte < units[i].firstByte + units[i].bytes)
        append(i);
  }
  /// Integer `i` is needed.
  void take(const PackedIntegers &integers, uint32_t i) {
    for (const BitPlane *plane : {&integers.low, &integers.high})
      if (plane->bits)
        take(plane->place(i).byte);
  }
  /// All units, those last that nothing needs.
  std::vector<BlockUnit> finish() {
    for (size_t i = 0; i < units.size(); ++i)
      if (!isTaken[i])
        append(i);
    return std::move(order);
  }

private:
  void append(size_t i) {
    uint32_t place = order.empty() ? 0 : order.back().place + order.back().bytes;
    order.push_back({units[i].firstByte, units[i].bytes, place});
    isTaken[i] = true;
  }

  std::vector<BlockUnit> units, order;
  std::vector<bool> isTaken;
};

} // namespace

std::vector<BlockUnit> unitsOf(const WeightFormat &format) {
  if (!format.block)
    return {};
  const BlockLayout &block = *format.block;
  UnitOrder order(unitsByByte(format));
  order.take(block.scale.firstByte);
  if (block.minimum)
    order.take(block.minimum->scale.firstByte);
  // Factors of the whole block come first, so that integers that lie alike are evenly spaced.
  for (uint32_t run = 0; run < format.blockElements / block.scaleRun; ++run) {
    if (block.scaleFactors)
      order.take(*block.scaleFactors, run);
    if (block.minimum && block.minimum->factors)
      order.take(*block.minimum->factors, run);
  }
  for (uint32_t i = 0; i < format.blockElements; ++i)
    order.take(block.integers, i);
  return order.finish();
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
