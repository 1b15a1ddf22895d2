//===- IntegerDots.cpp - Dot products of small integers ----------------------===//

#include "codegen/cpu/IntegerDots.h"

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
