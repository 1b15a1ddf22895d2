//===- IntegerDots.cpp - Dot products of small integers ----------------------===//

#include "codegen/cpu/IntegerDots.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

Value IntegerDots::prepare(Value integers) const {
  int64_t lanes = lanesOf(integers);
  auto all = [&](int64_t value) {
    auto type = cast<VectorType>(integers.getType());
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, static_cast<int8_t>(value)));
  };
  if (isShifted())
    return arith::XOrIOp::create(b, integers, all(-128));
  if (!hasSignedWeights())
    return integers;
  if (layout.integers.offset)
    integers = b.sub(integers, all(layout.integers.offset));
  return isBytes() ? integers : arith::ExtSIOp::create(b, b.vectorOf(element(), lanes), integers).getResult();
}

Value IntegerDots::ofParts(Value numbers, int64_t blockElements) const {
  int64_t count = lanesOf(numbers), parts = blockElements / part();
  if (count == parts)
    return numbers;
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < parts; ++i)
    order.push_back(i * count / parts);
  return vector::ShuffleOp::create(b, numbers, numbers, order);
}

Value IntegerDots::multiply(Value accumulator, Value weights, Value inputs) const {
  auto type = cast<VectorType>(accumulator.getType());
  std::string bits = std::to_string(32 * type.getNumElements());
  auto call = [&](const std::string &name, ValueRange operands) {
    return LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(name), operands).getResult(0);
  };
  if (isBytes())
    return call("llvm.x86.avx512.vpdpbusd." + bits, {accumulator, weights, inputs});
  std::string name = bits == "512" ? "llvm.x86.avx512.pmaddw.d.512" : "llvm.x86.avx2.pmadd.wd";
  return b.add(accumulator, call(name, {weights, inputs}));
}

} // namespace quipu::codegen::cpu
