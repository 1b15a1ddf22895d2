//===- KernelBuilder.cpp - The vocabulary of CPU kernel emitters ------------===//

#include "codegen/cpu/KernelBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;

namespace quipu::codegen::cpu {

Value KernelBuilder::fma(Value a, Value b, Value c) {
  if (isa<VectorType>(c.getType()))
    return vector::FMAOp::create(*this, a, b, c);
  return math::FmaOp::create(*this, a, b, c);
}

Value KernelBuilder::exp(Value a) { return math::ExpOp::create(*this, a); }

Value KernelBuilder::constantLike(Value like, float value) {
  auto vector = dyn_cast<VectorType>(like.getType());
  return vector ? splat(value, vector.getNumElements()) : f32(value);
}

Value KernelBuilder::rsqrt(Value a) { return divf(constantLike(a, 1.0f), math::SqrtOp::create(*this, a)); }

Value KernelBuilder::timesLogistic(Value a, Value z) {
  Value negative = arith::NegFOp::create(*this, z);
  return divf(a, addf(constantLike(a, 1.0f), exp(negative)));
}

Value KernelBuilder::sumLanes(Value vector) {
  return vector::ReductionOp::create(*this, vector::CombiningKind::ADD, vector, arith::FastMathFlags::reassoc);
}

Value KernelBuilder::maxLanes(Value vector) {
  // Masked scores are finite, so that the reduction may assume the absence of NaN and be a tree.
  return vector::ReductionOp::create(*this, vector::CombiningKind::MAXNUMF, vector,
                                     arith::FastMathFlags::reassoc | arith::FastMathFlags::nnan);
}

Value KernelBuilder::dotBf16(Value accumulator, Value a, Value b) {
  return x86vector::DotBF16Op::create(*this, accumulator.getType(), accumulator, a, b);
}

Value KernelBuilder::fromScalars(ArrayRef<Value> scalars) {
  return vector::FromElementsOp::create(*this, vectorOf(scalars.front().getType(), scalars.size()), scalars);
}

Value KernelBuilder::loadF32(Type element, Value pointer, int64_t lanes) {
  Type type = lanes == 0 ? element : vectorOf(element, lanes);
  return widenToF32(load(type, pointer, bytesOf(element)));
}

void KernelBuilder::storeF32(Value value, Type element, Value pointer) {
  store(roundTo(element, value), pointer, bytesOf(element));
}

Value KernelBuilder::loadI32(Value pointer, int64_t lanes) {
  Type type = lanes == 0 ? Type(getI32Type()) : Type(vectorOf(getI32Type(), lanes));
  return load(type, pointer, 4);
}

void KernelBuilder::prefetch(Value pointer) {
  // Read, into every level of cache, data.
  LLVM::Prefetch::create(*this, pointer, /*rw=*/0, /*hint=*/3, /*cache=*/1);
}

Value KernelBuilder::pointerAt(Value pointers, int64_t index) {
  return load(LLVM::LLVMPointerType::get(getContext()), at(pointers, index * 8), 8);
}

} // namespace quipu::codegen::cpu
