//===- InterleavedWeight.cpp - Neighbouring rows of a weight in lanes ---------===//

#include "codegen/cpu/InterleavedWeight.h"

#include "codegen/common/Arguments.h"
#include "codegen/cpu/WeightOperand.h"
#include "ir/Llama/WeightTypes.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

InterleavedWeight::InterleavedWeight(KernelBuilder &b, RankedTensorType weight)
    : b(b), format(weightFormatOf(weight.getElementType())), interleave(interleaveOf(weight)), units(unitsOf(*format)),
      integersOfPeriod(format->blockElements) {
  findPeriod();
}

void InterleavedWeight::findPeriod() {
  const PackedIntegers &integers = layout().integers;
  if (integers.low.groupBits || integers.high.groupBits)
    return;
  auto groupOf = [](const BitPlane &plane) { return int64_t(plane.run) * plane.runsInByte; };
  int64_t group = std::max(groupOf(integers.low), groupOf(integers.high)), count = blockElements();
  if (group % layout().scaleRun || count % group || count == group)
    return;
  // One number of bytes from each word of all planes to the word that is read for it a period later.
  std::optional<int64_t> bytes;
  for (const BitPlane &plane : {integers.low, integers.high}) {
    if (!plane.bits)
      continue;
    if (group % groupOf(plane))
      return;
    auto placeOf = [&](int64_t i) -> int64_t { return unitOf(plane.place(static_cast<uint32_t>(i)).byte).place; };
    for (int64_t i = 0; i + group < count; i += kWordBytes) {
      int64_t distance = placeOf(i + group) - placeOf(i);
      if (bytes.value_or(distance) != distance)
        return;
      bytes = distance;
    }
  }
  integersOfPeriod = group;
  bytesOfPeriod = *bytes;
}

/// A plane of single bits that follow each other without a gap.
static bool isBitString(const BitPlane &plane) { return plane.run == 1 && plane.bits == 1 && plane.runsInByte == 8; }

static const BlockUnit *findUnit(const std::vector<BlockUnit> &units, uint32_t byte) {
  for (const BlockUnit &unit : units)
    if (byte >= unit.firstByte && byte < unit.firstByte + unit.bytes)
      return &unit;
  return nullptr;
}

/// Whether every four neighbours of a plane lie in the bytes of one word, in order.
static bool liesInWords(const BitPlane &plane, uint32_t count, const std::vector<BlockUnit> &units) {
  for (uint32_t i = 0; plane.bits && i < count; i += kWordBytes) {
    BitPlane::Place first = plane.place(i);
    const BlockUnit *unit = findUnit(units, first.byte);
    if (!unit || unit->bytes != kWordBytes || (!isBitString(plane) && unit->firstByte != first.byte))
      return false;
    for (uint32_t j = 1; j < kWordBytes && !isBitString(plane); ++j)
      if (plane.place(i + j).byte != first.byte + j || plane.place(i + j).shift != first.shift)
        return false;
  }
  return true;
}

bool InterleavedWeight::canRead(const WeightFormat &format) {
  std::vector<BlockUnit> units = unitsOf(format);
  if (units.empty() || format.block->codebook)
    return false;
  const PackedIntegers &integers = format.block->integers;
  return liesInWords(integers.low, format.blockElements, units) &&
         liesInWords(integers.high, format.blockElements, units);
}

const BlockUnit &InterleavedWeight::unitOf(uint32_t byte) const { return *findUnit(units, byte); }

InterleavedWeight::Block InterleavedWeight::block(Value group, Value row, Value feature, int64_t count) const {
  return {*this, b.at(group, offsetOfBlock(feature)), row, count};
}

Value InterleavedWeight::offsetOfBlock(Value feature) const {
  return b.mul(b.div(feature, blockElements()), bytesOfBlocks());
}

std::pair<int64_t, int64_t> InterleavedWeight::linesOfShare(int64_t i, int64_t count, int64_t values) const {
  int64_t lines = llvm::divideCeil(bytesOfValues(values), kCacheLineBytes);
  return {lines * i / values, lines * (i + count) / values};
}

InterleavedWeight::Block InterleavedWeight::Block::from(Value i) const {
  Value periods = b().div(i, weight->integersOfPeriod);
  return {*weight, b().at(start, b().mul(periods, weight->interleave * weight->bytesOfPeriod)), row, count};
}

/// Address of a unit of the block's first row.
Value InterleavedWeight::Block::unitAt(const BlockUnit &unit) const {
  return b().at(b().at(start, b().mul(row, unit.bytes)), weight->interleave * unit.place);
}

Value InterleavedWeight::Block::wordAt(const BlockUnit &unit) {
  Value &words = loaded[unit.firstByte];
  if (!words)
    words = b().loadI32(unitAt(unit), count);
  return words;
}

Value InterleavedWeight::Block::number(const BlockScale &place) {
  Value &numbers = loaded[place.firstByte];
  if (!numbers)
    numbers = b().loadF32(elementTypeOf(b().getContext(), denseFormat(place.type)),
                          unitAt(weight->unitOf(place.firstByte)), count);
  return numbers;
}

/// Words shifted to the right, or to the left where `bits` is negative.
Value InterleavedWeight::Block::shifted(Value words, int64_t bits) const {
  if (bits == 0)
    return words;
  Value by = b().splat(b().i32(std::abs(bits)), count);
  return bits > 0 ? arith::ShRUIOp::create(b(), words, by).getResult()
                  : arith::ShLIOp::create(b(), words, by).getResult();
}

/// Four neighbours, each `shift` bits above the lowest bits of a byte of a word.
Value InterleavedWeight::Block::bitsOf(const BitPlane &plane, int64_t i, int64_t shift) {
  if (isBitString(plane))
    return singleBitsOf(plane, i, shift);
  BitPlane::Place place = plane.place(static_cast<uint32_t>(i));
  Value words = shifted(wordAt(weight->unitOf(place.byte)), place.shift - shift);
  if (plane.bits == 8)
    return words;
  int64_t mask = (((int64_t(1) << plane.bits) - 1) << shift) * 0x01010101;
  return arith::AndIOp::create(b(), words, b().splat(b().i32(static_cast<int32_t>(mask)), count));
}

/// The same of single bits. A multiplication puts copies of the four bits 7, 14 and 21 bits higher, so that bit j of
/// them comes to byte j. The four lie at bit 0 or 4 of their byte and belong to bit `shift`. If they need not move
/// down, the multiplication does the whole move, and both halves of a byte use one shifted word.
Value InterleavedWeight::Block::singleBitsOf(const BitPlane &plane, int64_t i, int64_t shift) {
  BitPlane::Place place = plane.place(static_cast<uint32_t>(i));
  const BlockUnit &unit = weight->unitOf(place.byte);
  int64_t from = place.shift <= shift ? place.shift : 0;
  int64_t copies = (1 | 1 << 7 | 1 << 14 | 1 << 21) << (shift - from);
  Value words = shifted(wordAt(unit), (place.byte - unit.firstByte) * 8 + place.shift - from);
  words = arith::AndIOp::create(b(), words, b().splat(b().i32(0xf << from), count));
  words = b().mul(words, b().splat(b().i32(static_cast<int32_t>(copies)), count));
  return arith::AndIOp::create(b(), words, b().splat(b().i32(0x01010101 << shift), count));
}

Value InterleavedWeight::Block::words(int64_t i) {
  const PackedIntegers &integers = weight->layout().integers;
  Value words = bitsOf(integers.low, i);
  if (integers.high.bits)
    words = arith::OrIOp::create(b(), words, bitsOf(integers.high, i, integers.low.bits));
  return asBytes(words);
}

Value InterleavedWeight::Block::wordsInPlace(int64_t i) {
  int64_t shift = shiftOf(i);
  return shift ? asBytes(bitsOf(weight->layout().integers.low, i, shift)) : words(i);
}

int64_t InterleavedWeight::Block::shiftOf(int64_t i) const {
  const PackedIntegers &integers = weight->layout().integers;
  return integers.high.bits ? 0 : integers.low.place(static_cast<uint32_t>(i)).shift;
}

Value InterleavedWeight::Block::asBytes(Value words) const {
  return vector::BitCastOp::create(b(), b().vectorOf(b().getI8Type(), count * kWordBytes), words);
}

Value InterleavedWeight::Block::values(int64_t i) {
  // Each row has its number in the four lanes of its word.
  auto ofWords = [&](Value numbers) { return b().spread(numbers, count * kWordBytes); };
  Value values = b().mulf(widenIntegers(b(), weight->layout().integers, words(i)), ofWords(scales(i)));
  return weight->layout().minimum ? b().addf(values, ofWords(minima(i))) : values;
}

Value InterleavedWeight::Block::factorBits(const BitPlane &plane, int64_t i) {
  BitPlane::Place place = plane.place(static_cast<uint32_t>(i));
  const BlockUnit &unit = weight->unitOf(place.byte);
  Value bits = shifted(wordAt(unit), (place.byte - unit.firstByte) * 8 + place.shift);
  return arith::AndIOp::create(b(), bits, b().splat(b().i32((1 << plane.bits) - 1), count));
}

/// Small integer `i` of each row, as f32.
Value InterleavedWeight::Block::factor(const PackedIntegers &factors, int64_t i) {
  Value value = factorBits(factors.low, i);
  if (factors.high.bits)
    value = arith::OrIOp::create(b(), value, shifted(factorBits(factors.high, i), -int64_t(factors.low.bits)));
  if (factors.isSigned) {
    int64_t above = 32 - factors.bits();
    value = arith::ShRSIOp::create(b(), shifted(value, -above), b().splat(b().i32(above), count));
  }
  if (factors.offset)
    value = b().sub(value, b().splat(b().i32(factors.offset), count));
  return arith::SIToFPOp::create(b(), b().vectorOf(b().getF32Type(), count), value);
}

Value InterleavedWeight::Block::scales(int64_t i) {
  const BlockLayout &layout = weight->layout();
  Value scales = number(layout.scale);
  return layout.scaleFactors ? b().mulf(scales, factor(*layout.scaleFactors, i / layout.scaleRun)) : scales;
}

Value InterleavedWeight::Block::minima(int64_t i) {
  const BlockLayout &layout = weight->layout();
  Value minima = number(layout.minimum->scale);
  if (layout.minimum->factors)
    minima = b().mulf(minima, factor(*layout.minimum->factors, i / layout.scaleRun));
  return layout.minimum->sign < 0 ? b().negf(minima) : minima;
}

} // namespace quipu::codegen::cpu
