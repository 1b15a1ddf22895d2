//===- Rotary.cpp - Reference of rotary position embeddings ---------------===//

#include "ir/Reference/Patterns.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace quipu::llama {

static Value rotaryTable(ReferenceBuilder &b, Value positions, RopeAttr rope, RankedTensorType type) {
  int64_t half = type.getDimSize(1) / 2;
  SmallVector<float> values = rope.inverseFrequencies(type.getDimSize(1));
  Value frequencies = arith::ConstantOp::create(b, DenseElementsAttr::get(b.floats({half}), ArrayRef<float>(values)));
  return b.generate(type, b.rowsOf(positions, type), [&](ReferenceBuilder::Indices at) {
    Value isSine = b.compare(arith::CmpIPredicate::uge, at[1], b.index(half));
    Value pair = b.rem(at[1], b.index(half));
    Value position = arith::SIToFPOp::create(b, b.getF32Type(), b.extract(positions, at[0]));
    Value angle = b.mul(position, b.extract(frequencies, pair));
    return b.select(isSine, math::SinOp::create(b, angle), math::CosOp::create(b, angle));
  });
}

namespace {
/// Where an element of a head is in its pair.
struct InPair {
  Value pair, isSecond;
  /// The element of the head that is the other of the pair.
  Value partner;
};
} // namespace

static InPair findPair(ReferenceBuilder &b, Value element, int64_t headDim, RotaryLayout layout) {
  Value half = b.index(headDim / 2);
  switch (layout) {
  case RotaryLayout::Half:
    return {b.rem(element, half), b.compare(arith::CmpIPredicate::uge, element, half),
            b.rem(b.add(element, half), b.index(headDim))};
  case RotaryLayout::Interleaved: {
    Value place = b.rem(element, b.index(2));
    return {b.div(element, b.index(2)), b.compare(arith::CmpIPredicate::ne, place, b.index(0)),
            b.sub(b.add(element, b.index(1)), b.mul(place, b.index(2)))};
  }
  }
  llvm_unreachable("all layouts are listed");
}

static Value rotate(ReferenceBuilder &b, Value input, Value table, int64_t headDim, RotaryLayout layout,
                    RankedTensorType type) {
  return b.generate(type, b.rowsOf(input, type), [&](ReferenceBuilder::Indices at) {
    Value inHead = b.rem(at[1], b.index(headDim));
    Value head = b.sub(at[1], inHead);
    auto [pair, isSecond, partner] = findPair(b, inHead, headDim, layout);
    Value cosine = b.extract(table, {at[0], pair});
    Value sine = b.extract(table, {at[0], b.add(pair, b.index(headDim / 2))});
    Value straight = b.mul(b.extract(input, at), cosine);
    Value crossed = b.mul(b.extract(input, {at[0], b.add(head, partner)}), sine);
    return b.select(isSecond, b.add(straight, crossed), b.sub(straight, crossed));
  });
}

static Values lowerRotaryTable(RotaryTableOp op, RotaryTableOp::Adaptor in, ReferenceBuilder &b) {
  return {rotaryTable(b, in.getPositions(), op.getRope(), loweredTensor(op.getResult()))};
}

static Values lowerRotate(RotateOp op, RotateOp::Adaptor in, ReferenceBuilder &b) {
  return {rotate(b, in.getInput(), in.getTable(), op.getHeadDim(), op.getLayout(), loweredTensor(op.getResult()))};
}

static Values lowerRotary(RotaryOp op, RotaryOp::Adaptor in, ReferenceBuilder &b) {
  RankedTensorType type = loweredTensor(op.getResult());
  int64_t headDim = op.getHeadDim();
  Value table = rotaryTable(b, in.getPositions(), op.getRope(), b.floats({type.getDimSize(0), headDim}));
  return {rotate(b, in.getInput(), table, headDim, op.getRope().getLayout(), type)};
}

void addRotaryPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  addPattern<RotaryTableOp>(patterns, types, lowerRotaryTable);
  addPattern<RotateOp>(patterns, types, lowerRotate);
  addPattern<RotaryOp>(patterns, types, lowerRotary);
}

} // namespace quipu::llama
