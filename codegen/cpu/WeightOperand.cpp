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

int64_t WeightOperand::vectorLanes(int64_t lanes) const {
  return hasBlocks() ? widestVector(format->block->integers.run, lanes) : lanes;
}

WeightOperand::Run::Run(const WeightOperand &weight, Value row, Value first) : weight(&weight), row(row), first(first) {
  if (!weight.hasBlocks())
    return;
  KernelBuilder &b = weight.b;
  const WeightFormat &format = *weight.format;
  start = b.at(row, b.mul(b.div(first, format.blockElements), format.blockBytes));
  const BlockScale &place = format.block->scale;
  Type type = elementTypeOf(b.getContext(), denseFormat(place.type));
  scale = b.widenToF32(b.load(type, b.at(start, place.firstByte), format.alignment));
}

Value WeightOperand::Run::startOfNumbers() const {
  if (!start)
    start = weight->b.at(row, weight->b.mul(first, weight->bytes(1)));
  return start;
}

/// Integers of the block, less their offset, as f32.
Value WeightOperand::Run::integers(int64_t i, int64_t lanes) const {
  KernelBuilder &b = weight->b;
  const BlockIntegers &integers = weight->format->block->integers;
  BlockIntegers::Place place = integers.place(static_cast<uint32_t>(i));
  Value bytes = b.load(b.vectorOf(b.getI8Type(), lanes), b.at(start, place.byte), 1);
  auto wide = b.vectorOf(b.getI32Type(), lanes);
  Value value = integers.isSigned ? arith::ExtSIOp::create(b, wide, bytes).getResult()
                                  : arith::ExtUIOp::create(b, wide, bytes).getResult();
  if (place.shift)
    value = arith::ShRUIOp::create(b, value, b.splat(b.i32(place.shift), lanes));
  // Nothing lies above the highest integer of a byte.
  if (place.shift + integers.bits < 8)
    value = arith::AndIOp::create(b, value, b.splat(b.i32((1 << integers.bits) - 1), lanes));
  if (integers.offset)
    value = b.sub(value, b.splat(b.i32(integers.offset), lanes));
  return arith::SIToFPOp::create(b, b.vectorOf(b.getF32Type(), lanes), value);
}

Value WeightOperand::Run::vector(int64_t i, int64_t lanes) const {
  KernelBuilder &b = weight->b;
  if (!weight->hasBlocks())
    return b.loadF32(weight->element, b.at(startOfNumbers(), weight->bytes(i)), lanes);
  return b.mulf(integers(i, lanes), b.splat(scale, lanes));
}

Value WeightOperand::Run::scalar(int64_t i) const {
  KernelBuilder &b = weight->b;
  if (!weight->hasBlocks())
    return b.loadF32(weight->element, b.at(startOfNumbers(), weight->bytes(i)), 0);
  return vector::ExtractOp::create(b, vector(i, 1), int64_t(0));
}

Value WeightOperand::Run::broadcast(int64_t i, int64_t lanes) const { return weight->b.splat(scalar(i), lanes); }

Value WeightOperand::Run::numbers(int64_t lanes) const {
  KernelBuilder &b = weight->b;
  return b.load(b.vectorOf(weight->element, lanes), startOfNumbers(), weight->format->alignment);
}

Value WeightOperand::Run::pair() const {
  KernelBuilder &b = weight->b;
  return b.load(b.getI32Type(), startOfNumbers(), weight->format->alignment);
}

void WeightOperand::Run::prefetch(int64_t distance) const {
  weight->b.prefetch(weight->b.at(weight->hasBlocks() ? start : startOfNumbers(), distance));
}

} // namespace quipu::codegen::cpu
