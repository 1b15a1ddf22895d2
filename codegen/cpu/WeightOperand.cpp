//===- WeightOperand.cpp - The values of a weight ---------------------------===//

#include "codegen/cpu/WeightOperand.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

WeightOperand::WeightOperand(KernelBuilder &b, Type weight) : b(b) {
  auto type = cast<RankedTensorType>(weight);
  format = weightFormatOf(type.getElementType());
  columns = type.getShape().back();
  if (format->dense)
    element = type.getElementType();
}

/// Neighbours that one load of a plane gives. Bits that follow each other without a gap come in one number.
static int64_t loadedTogether(const BitPlane &plane) { return plane.run == 1 ? 32 / plane.bits : plane.run; }

static int64_t loadedTogether(const PackedIntegers &integers) {
  int64_t low = loadedTogether(integers.low);
  return integers.high.bits ? std::min(low, loadedTogether(integers.high)) : low;
}

int64_t WeightOperand::vectorLanes(int64_t lanes) const {
  return hasBlocks() ? widestVector(std::min<int64_t>(loadedTogether(layout().integers), layout().scaleRun), lanes)
                     : lanes;
}

WeightOperand::Run::Run(const WeightOperand &weight, Value row, Value first, int64_t blocks)
    : weight(&weight), row(row), first(first), blocks(blocks) {
  if (!weight.hasBlocks())
    return;
  KernelBuilder &b = weight.b;
  const BlockLayout &layout = weight.layout();
  start = b.at(row, b.mul(b.div(first, weight.format->blockElements), weight.format->blockBytes));
  scales = scaleVector(layout.scale, layout.scaleFactors);
  if (layout.minimum) {
    minima = scaleVector(layout.minimum->scale, layout.minimum->factors);
    if (layout.minimum->sign < 0)
      minima = arith::NegFOp::create(b, minima);
  }
}

/// Address of a byte of a block of the run.
Value WeightOperand::Run::blockAt(int64_t block, int64_t byte) const {
  return weight->b.at(start, block * weight->format->blockBytes + byte);
}

/// A number of each block, as f32. The numbers of several blocks are widened together.
Value WeightOperand::Run::numbers(const BlockScale &place) const {
  KernelBuilder &b = weight->b;
  Type type = elementTypeOf(b.getContext(), denseFormat(place.type));
  SmallVector<Value> loaded;
  for (int64_t block = 0; block < blocks; ++block)
    loaded.push_back(b.load(type, blockAt(block, place.firstByte), weight->format->alignment));
  return b.widenToF32(blocks == 1 ? loaded.front() : b.fromScalars(loaded));
}

Value widenIntegers(KernelBuilder &b, const PackedIntegers &layout, Value integers) {
  int64_t lanes = lanesOf(integers);
  auto wide = b.vectorOf(b.getI32Type(), lanes);
  Value value = layout.isSigned ? arith::ExtSIOp::create(b, wide, integers).getResult()
                                : arith::ExtUIOp::create(b, wide, integers).getResult();
  if (layout.offset)
    value = b.sub(value, b.splat(b.i32(layout.offset), lanes));
  return arith::SIToFPOp::create(b, b.vectorOf(b.getF32Type(), lanes), value);
}

/// A number of the block times the factor of each `scaleRun` values.
Value WeightOperand::Run::scaleVector(const BlockScale &place, const std::optional<PackedIntegers> &factors) const {
  KernelBuilder &b = weight->b;
  int64_t count = weight->format->blockElements / weight->layout().scaleRun;
  Value scale = numbers(place);
  if (blocks > 1) {
    assert(count == 1 && !factors && "only blocks of one scale are taken together");
    return scale;
  }
  scale = b.splat(scale, count);
  if (!factors)
    return scale;
  return b.mulf(scale, widenIntegers(b, *factors, packed(*factors, 0, count)));
}

Value WeightOperand::Run::partOf(Value vector, int64_t i) const {
  return vector::ExtractOp::create(weight->b, vector, i / weight->layout().scaleRun);
}

/// Bits `i` to `i + lanes` of a plane, as i8. They lie at the same bits of neighbouring bytes, or without a gap.
Value WeightOperand::Run::bitsLoadedTogether(const BitPlane &plane, int64_t i, int64_t lanes) const {
  KernelBuilder &b = weight->b;
  int64_t block = i / weight->format->blockElements;
  BitPlane::Place place = plane.place(static_cast<uint32_t>(i % weight->format->blockElements));
  auto bytes = b.vectorOf(b.getI8Type(), lanes);
  int64_t mask = (int64_t(1) << plane.bits) - 1;
  if (plane.run == 1 && lanes > 1) {
    Type number = b.getIntegerType(static_cast<unsigned>(lanes * plane.bits));
    Value all = b.load(number, blockAt(block, place.byte), 1);
    // Single bits are a mask, which CPUs make a vector of.
    if (plane.bits == 1 && place.shift == 0) {
      Value bits = LLVM::BitcastOp::create(b, b.vectorOf(b.getI1Type(), lanes), all);
      return arith::ExtUIOp::create(b, bytes, bits);
    }
    if (all.getType() != b.getI32Type())
      all = arith::ExtUIOp::create(b, b.getI32Type(), all);
    SmallVector<int32_t> shifts;
    for (int64_t lane = 0; lane < lanes; ++lane)
      shifts.push_back(static_cast<int32_t>(place.shift + lane * plane.bits));
    auto wide = b.vectorOf(b.getI32Type(), lanes);
    Value shift = arith::ConstantOp::create(b, DenseElementsAttr::get(wide, ArrayRef<int32_t>(shifts)));
    Value value = arith::ShRUIOp::create(b, b.splat(all, lanes), shift);
    value = arith::AndIOp::create(b, value, b.splat(b.i32(mask), lanes));
    return arith::TruncIOp::create(b, bytes, value);
  }
  Value value = b.load(bytes, blockAt(block, place.byte), 1);
  if (place.shift)
    value = arith::ShRUIOp::create(b, value, b.splatByte(place.shift, lanes));
  // Nothing lies above the highest bits of a byte.
  if (place.shift + plane.bits < 8)
    value = arith::AndIOp::create(b, value, b.splatByte(mask, lanes));
  return value;
}

/// Integers `i` to `i + lanes` of two runs that lie in the same bytes, as i8: the bytes are loaded into both halves of
/// a vector, and the shifts of the halves differ.
Value WeightOperand::Run::bitsOfTwoRuns(const BitPlane &plane, int64_t i, int64_t lanes) const {
  KernelBuilder &b = weight->b;
  int64_t block = i / weight->format->blockElements, inBlock = i % weight->format->blockElements, half = lanes / 2;
  BitPlane::Place place = plane.place(static_cast<uint32_t>(inBlock));
  Value bytes = b.load(b.vectorOf(b.getI8Type(), half), blockAt(block, place.byte), 1);
  SmallVector<int32_t> shifts;
  for (int64_t word = 0; word < lanes / 4; ++word)
    shifts.push_back(static_cast<int32_t>(place.shift + (word < half / 4 ? 0 : plane.bits)));
  auto words = b.vectorOf(b.getI32Type(), lanes / 4);
  Value value = vector::BitCastOp::create(b, words, b.join(bytes, bytes));
  value = arith::ShRUIOp::create(
      b, value, arith::ConstantOp::create(b, DenseElementsAttr::get(words, ArrayRef<int32_t>(shifts))));
  value = vector::BitCastOp::create(b, b.vectorOf(b.getI8Type(), lanes), value);
  return arith::AndIOp::create(b, value, b.splatByte((1 << plane.bits) - 1, lanes));
}

/// Whether integers `i` to `i + lanes` are two runs that lie in the same bytes.
static bool areTwoRunsOfBytes(const BitPlane &plane, int64_t i, int64_t lanes) {
  return plane.run >= 4 && plane.runsInByte > 1 && lanes == 2 * plane.run && i % lanes == 0;
}

/// Bits `i` to `i + lanes` of a plane, as i8, however they lie.
Value WeightOperand::Run::bitsOf(const BitPlane &plane, int64_t i, int64_t lanes) const {
  if (areTwoRunsOfBytes(plane, i, lanes))
    return bitsOfTwoRuns(plane, i, lanes);
  if (widestVector(loadedTogether(plane), lanes) == lanes)
    return bitsLoadedTogether(plane, i, lanes);
  Value low = bitsOf(plane, i, lanes / 2), high = bitsOf(plane, i + lanes / 2, lanes / 2);
  return weight->b.join(low, high);
}

/// Integers `i` to `i + lanes` before the offset is subtracted, as i8.
Value WeightOperand::Run::packed(const PackedIntegers &integers, int64_t i, int64_t lanes) const {
  KernelBuilder &b = weight->b;
  Value value = bitsOf(integers.low, i, lanes);
  if (!integers.high.bits)
    return value;
  Value up = b.splatByte(integers.low.bits, lanes);
  return arith::OrIOp::create(b, value, arith::ShLIOp::create(b, bitsOf(integers.high, i, lanes), up));
}

Value WeightOperand::Run::integers(int64_t i, int64_t lanes) const {
  return packed(weight->layout().integers, i, lanes);
}

bool WeightOperand::bytesHoldBothHalves(int64_t lanes) const {
  if (!hasBlocks())
    return false;
  const PackedIntegers &integers = layout().integers;
  return !integers.high.bits && !integers.isSigned && integers.low.runsInByte == 2 && integers.low.bits == 4 &&
         integers.low.run * 2 == lanes && format->blockElements == lanes;
}

Value WeightOperand::Run::integersInPlace(int64_t i, int64_t lanes) const {
  KernelBuilder &b = weight->b;
  assert(weight->bytesHoldBothHalves(lanes) && i % lanes == 0);
  const BitPlane &plane = weight->layout().integers.low;
  int64_t byte = plane.place(0).byte, mask = (1 << plane.bits) - 1;
  Value bytes = b.load(b.vectorOf(b.getI8Type(), lanes / 2), blockAt(i / lanes, byte), 1);
  Value masks = b.join(b.splatByte(mask, lanes / 2), b.splatByte(mask << plane.bits, lanes / 2));
  return arith::AndIOp::create(b, b.join(bytes, bytes), masks);
}

Value WeightOperand::Run::startOfNumbers() const {
  if (!start)
    start = weight->b.at(row, weight->b.mul(first, weight->bytes(1)));
  return start;
}

Value WeightOperand::Run::vector(int64_t i, int64_t lanes) const {
  KernelBuilder &b = weight->b;
  if (!weight->hasBlocks())
    return b.loadF32(weight->element, b.at(startOfNumbers(), weight->bytes(i)), lanes);
  Value value = widenIntegers(b, weight->layout().integers, integers(i, lanes));
  value = b.mulf(value, b.splat(scale(i), lanes));
  return minima ? b.addf(value, b.splat(minimum(i), lanes)) : value;
}

Value WeightOperand::Run::scalar(int64_t i) const {
  KernelBuilder &b = weight->b;
  if (!weight->hasBlocks())
    return b.loadF32(weight->element, b.at(startOfNumbers(), weight->bytes(i)), 0);
  return vector::ExtractOp::create(b, vector(i, 1), int64_t(0));
}

Value WeightOperand::Run::broadcast(int64_t i, int64_t lanes) const { return weight->b.splat(scalar(i), lanes); }

Value WeightOperand::Run::numbers(int64_t i, int64_t lanes) const {
  KernelBuilder &b = weight->b;
  Value address = b.at(startOfNumbers(), weight->bytes(i));
  return b.load(b.vectorOf(weight->element, lanes), address, weight->format->alignment);
}

Value WeightOperand::Run::pair() const {
  KernelBuilder &b = weight->b;
  return b.load(b.getI32Type(), startOfNumbers(), weight->format->alignment);
}

std::pair<Value, Value> WeightOperand::Run::evenAndOdd(int64_t lanes) const {
  KernelBuilder &b = weight->b;
  assert(!weight->hasBlocks() && weight->element.isBF16());
  Value words = b.load(b.vectorOf(b.getI32Type(), lanes), startOfNumbers(), weight->format->alignment);
  Value even = arith::ShLIOp::create(b, words, b.splat(b.i32(16), lanes));
  Value odd = arith::AndIOp::create(b, words, b.splat(b.i32(static_cast<int32_t>(0xffff0000)), lanes));
  auto floats = b.vectorOf(b.getF32Type(), lanes);
  return {vector::BitCastOp::create(b, floats, even), vector::BitCastOp::create(b, floats, odd)};
}

void WeightOperand::Run::prefetch(int64_t distance, int64_t elements) const {
  Value from = weight->hasBlocks() ? start : startOfNumbers();
  for (int64_t line = 0; line < weight->bytes(elements); line += kCacheLineBytes)
    weight->b.prefetch(weight->b.at(from, distance + line));
}

} // namespace quipu::codegen::cpu
