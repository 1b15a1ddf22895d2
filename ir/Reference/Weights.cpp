//===- Weights.cpp - Reference of weights in blocks -----------------------===//

#include "ir/Llama/WeightTypes.h"
#include "ir/Reference/Patterns.h"
#include "runtime/abi/DataType.h"

using namespace mlir;

namespace quipu::llama {

/// Integer `i` of a block that begins at byte `start` of a row, less the offset.
static Value decodeInteger(ReferenceBuilder &b, const BlockIntegers &integers, Value bytes, Value row, Value start,
                           Value i) {
  int64_t run = integers.run, runsInByte = 8 / integers.bits;
  Value group = b.div(i, b.index(run * runsInByte));
  Value inGroup = b.add(b.mul(group, b.index(run)), b.rem(i, b.index(run)));
  Value byte = b.extract(bytes, {row, b.add(b.add(start, b.index(integers.firstByte)), inGroup)});
  Type i32 = b.getI32Type();
  Value integer = integers.isSigned ? arith::ExtSIOp::create(b, i32, byte).getResult()
                                    : arith::ExtUIOp::create(b, i32, byte).getResult();
  if (runsInByte > 1) {
    Value runInByte = b.rem(b.div(i, b.index(run)), b.index(runsInByte));
    Value shift = arith::IndexCastOp::create(b, i32, b.mul(runInByte, b.index(integers.bits)));
    integer = b.logicalAnd(arith::ShRUIOp::create(b, integer, shift), b.i32((1 << integers.bits) - 1));
  }
  return b.sub(integer, b.i32(integers.offset));
}

/// The scale of a block that begins at byte `start` of a row, from its bytes, of which the lowest comes first.
static Value decodeScale(ReferenceBuilder &b, const BlockScale &scale, Value bytes, Value row, Value start) {
  const WeightFormat &number = denseFormat(scale.type);
  Type bits = b.getIntegerType(8 * number.blockBytes);
  Value all = arith::ConstantIntOp::create(b, bits, 0);
  for (uint32_t i = 0; i < number.blockBytes; ++i) {
    Value byte = b.extract(bytes, {row, b.add(start, b.index(scale.firstByte + i))});
    Value wide = arith::ExtUIOp::create(b, bits, byte);
    Value place = arith::ConstantIntOp::create(b, bits, 8 * i);
    all = arith::OrIOp::create(b, all, arith::ShLIOp::create(b, wide, place));
  }
  return b.widen(arith::BitcastOp::create(b, elementTypeOf(b.getContext(), number), all));
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
    Value integer = decodeInteger(b, format.block->integers, stored, at[0], start, i);
    Value scale = decodeScale(b, format.block->scale, stored, at[0], start);
    return b.mul(arith::SIToFPOp::create(b, b.getF32Type(), integer), scale);
  });
}

} // namespace quipu::llama
