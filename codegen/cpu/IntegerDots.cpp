//===- IntegerDots.cpp - Dot products of small integers ----------------------===//

#include "codegen/cpu/IntegerDots.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

static int64_t lanesOf(Value vector) { return cast<VectorType>(vector.getType()).getNumElements(); }

Value IntegerDots::prepare(Value integers) const {
  int64_t lanes = lanesOf(integers);
  if (isShifted()) {
    auto type = cast<VectorType>(integers.getType());
    Value top = arith::ConstantOp::create(b, DenseElementsAttr::get(type, static_cast<int8_t>(-128)));
    return arith::XOrIOp::create(b, integers, top);
  }
  if (isBytes())
    return integers;
  auto wide = b.vectorOf(element(), lanes);
  return layout.integers.isSigned ? arith::ExtSIOp::create(b, wide, integers).getResult()
                                  : arith::ExtUIOp::create(b, wide, integers).getResult();
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
