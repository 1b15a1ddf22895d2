//===- IntegerDots.cpp - Dot products of small integers ----------------------===//

#include "codegen/cpu/IntegerDots.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

Value IntegerDots::prepare(Value integers) const {
  int64_t lanes = lanesOf(integers);
  if (isShifted())
    return arith::XOrIOp::create(b, integers, b.splatByte(-128, lanes));
  if (!hasSignedWeights())
    return integers;
  if (layout.integers.offset)
    integers = b.sub(integers, b.splatByte(layout.integers.offset, lanes));
  return isBytes() ? integers : arith::ExtSIOp::create(b, b.vectorOf(element(), lanes), integers).getResult();
}

Value IntegerDots::ofParts(Value numbers, int64_t blockElements) const {
  return b.spread(numbers, blockElements / part());
}

Value IntegerDots::call(StringRef intrinsic, Type type, ValueRange operands) const {
  return LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(intrinsic), operands).getResult(0);
}

Value IntegerDots::multiply(Value accumulator, Value weights, Value inputs) const {
  auto type = cast<VectorType>(accumulator.getType());
  std::string bits = std::to_string(32 * type.getNumElements());
  if (addsPairs())
    return b.add(accumulator, addNeighbours(multiplyPairs(weights, inputs)));
  if (isBytes())
    return call("llvm.x86.avx512.vpdpbusd." + bits, type, {accumulator, weights, inputs});
  StringRef name = bits == "512" ? "llvm.x86.avx512.pmaddw.d.512" : "llvm.x86.avx2.pmadd.wd";
  return b.add(accumulator, call(name, type, {weights, inputs}));
}

Value IntegerDots::multiplyPairs(Value weights, Value inputs) const {
  // The instruction takes an unsigned and a signed operand: the sign of a weight goes to the input.
  if (hasSignedWeights()) {
    inputs = call("llvm.x86.avx2.psign.b", inputs.getType(), {inputs, weights});
    weights = math::AbsIOp::create(b, weights);
  }
  return call("llvm.x86.avx2.pmadd.ub.sw", b.vectorOf(b.getI16Type(), lanesOf(weights) / 2), {weights, inputs});
}

Value IntegerDots::addNeighbours(Value sums) const {
  int64_t lanes = lanesOf(sums);
  auto ones = arith::ConstantOp::create(
      b, DenseElementsAttr::get(b.vectorOf(b.getI16Type(), lanes), b.getIntegerAttr(b.getI16Type(), 1)));
  return call("llvm.x86.avx2.pmadd.wd", b.vectorOf(b.getI32Type(), lanes / 2), {sums, ones});
}

Value IntegerDots::productsOfPart(Value start, int64_t lanes,
                                  llvm::function_ref<std::pair<Value, Value>(int64_t)> wordsAt) const {
  if (!addsPairs()) {
    for (int64_t i = 0; i < part(); i += perWord()) {
      auto [weights, inputs] = wordsAt(i);
      start = multiply(start, weights, inputs);
    }
    return start;
  }
  // As many words as lanes of i16 hold are added before they are widened.
  int64_t together = widestVector(part() / perWord(), sumsOf16Bits()) * perWord();
  assert((together == part() || !offset()) && "one start takes the offset of all words back");
  auto shorts = b.vectorOf(b.getI16Type(), 2 * lanes);
  Value products;
  for (int64_t first = 0; first < part(); first += together) {
    Value pairs = vector::BitCastOp::create(b, shorts, start);
    for (int64_t i = first; i < first + together; i += perWord()) {
      auto [weights, inputs] = wordsAt(i);
      pairs = b.add(pairs, multiplyPairs(weights, inputs));
    }
    Value wide = addNeighbours(pairs);
    products = products ? b.add(products, wide) : wide;
  }
  return products;
}

void IntegerDots::addScaled(Value products, Value weightScale, Value inputScale, int64_t number, Value &together,
                            Value &sum) const {
  Value numbers = arith::SIToFPOp::create(b, b.vectorOf(b.getF32Type(), lanesOf(products)), products);
  if (partsTogether() == 1) {
    sum = b.fma(numbers, b.mulf(inputScale, weightScale), sum);
    return;
  }
  together = number == 0 ? b.mulf(numbers, weightScale) : b.fma(numbers, weightScale, together);
  if (number + 1 == partsTogether())
    sum = b.fma(together, inputScale, sum);
}

} // namespace quipu::codegen::cpu
