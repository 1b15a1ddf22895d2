//===- Weights.cpp - Reference of weights in blocks -----------------------===//

#include "ir/Llama/WeightTypes.h"
#include "ir/Reference/Patterns.h"
#include "runtime/abi/DataType.h"

using namespace mlir;

namespace quipu::llama {
namespace {

/// Reads a block that begins at byte `start` of a row of `bytes`.
class BlockReader {
public:
  BlockReader(ReferenceBuilder &b, Value bytes, Value row, Value start) : b(b), bytes(bytes), row(row), start(start) {}

  /// Integer `i`, less the offset, as i32.
  Value integer(const PackedIntegers &integers, Value i) {
    Value value = bits(integers.low, i);
    if (integers.high.bits) {
      Value high = arith::ShLIOp::create(b, bits(integers.high, i), b.i32(integers.low.bits));
      value = arith::OrIOp::create(b, value, high);
    }
    if (integers.isSigned)
      value = arith::ExtSIOp::create(b, b.getI32Type(), arith::TruncIOp::create(b, b.getI8Type(), value));
    return b.sub(value, b.i32(integers.offset));
  }

  /// A number, whose lowest byte comes first, as f32.
  Value number(const BlockScale &scale) {
    const WeightFormat &format = denseFormat(scale.type);
    Type type = b.getIntegerType(8 * format.blockBytes);
    Value all = arith::ConstantIntOp::create(b, type, 0);
    for (uint32_t i = 0; i < format.blockBytes; ++i) {
      Value wide = arith::ExtUIOp::create(b, type, byteAt(b.index(scale.firstByte + i)));
      all = arith::OrIOp::create(b, all, arith::ShLIOp::create(b, wide, arith::ConstantIntOp::create(b, type, 8 * i)));
    }
    return b.widen(arith::BitcastOp::create(b, elementTypeOf(b.getContext(), format), all));
  }

  /// `scale` times factor `run`, which is 1 where there are no factors.
  Value scaleOf(const BlockScale &scale, const std::optional<PackedIntegers> &factors, Value run) {
    Value value = number(scale);
    return factors ? b.mul(value, toFloat(integer(*factors, run))) : value;
  }

  Value toFloat(Value integer) { return arith::SIToFPOp::create(b, b.getF32Type(), integer); }

private:
  Value byteAt(Value offset) { return b.extract(bytes, {row, b.add(start, offset)}); }

  /// Bits of integer `i`; see BitPlane::place.
  Value bits(const BitPlane &plane, Value i) {
    Type i32 = b.getI32Type();
    Value group = b.div(i, b.index(plane.run * plane.runsInByte));
    Value runInByte = b.rem(b.div(i, b.index(plane.run)), b.index(plane.runsInByte));
    Value inGroup = b.add(b.mul(group, b.index(plane.groupBytes)), b.rem(i, b.index(plane.run)));
    Value byte = arith::ExtUIOp::create(b, i32, byteAt(b.add(b.index(plane.firstByte), inGroup)));
    Value shift = b.add(b.mul(group, b.index(plane.groupBits)), b.mul(runInByte, b.index(plane.bits)));
    shift = arith::IndexCastOp::create(b, i32, b.add(b.index(plane.firstBit), shift));
    return b.logicalAnd(arith::ShRUIOp::create(b, byte, shift), b.i32((1 << plane.bits) - 1));
  }

  ReferenceBuilder &b;
  Value bytes, row, start;
};

} // namespace

/// The value of a codebook with so many entries at place `i`.
static Value lookUp(ReferenceBuilder &b, const std::array<int8_t, 16> &codebook, Value i) {
  Value value = b.i32(codebook[0]);
  for (uint32_t place = 1; place < codebook.size(); ++place) {
    Value isHere = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, i, b.i32(place));
    value = arith::SelectOp::create(b, isHere, b.i32(codebook[place]), value);
  }
  return value;
}

Value decodeWeight(ReferenceBuilder &b, Value stored, Type type) {
  auto weight = cast<RankedTensorType>(type);
  auto element = dyn_cast<BlockType>(weight.getElementType());
  if (!element)
    return stored;
  const WeightFormat &format = *element.getFormat();
  return b.generate(b.floats(weight.getShape()), ValueRange(), [&](ReferenceBuilder::Indices at) {
    Value start = b.mul(b.div(at[1], b.index(format.blockElements)), b.index(format.blockBytes));
    Value i = b.rem(at[1], b.index(format.blockElements));
    const BlockLayout &block = *format.block;
    BlockReader reader(b, stored, at[0], start);
    Value run = b.div(i, b.index(block.scaleRun));
    Value integer = reader.integer(block.integers, i);
    if (block.codebook)
      integer = lookUp(b, *block.codebook, integer);
    Value value = b.mul(reader.toFloat(integer), reader.scaleOf(block.scale, block.scaleFactors, run));
    if (!block.minimum)
      return value;
    Value minimum = reader.scaleOf(block.minimum->scale, block.minimum->factors, run);
    return b.add(value, block.minimum->sign < 0 ? arith::NegFOp::create(b, minimum).getResult() : minimum);
  });
}

} // namespace quipu::llama
