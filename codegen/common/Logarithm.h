//===- Logarithm.h - The natural logarithm ----------------------*- C++ -*-===//
//
// x = m 2^e with m in [sqrt(1/2), sqrt(2)):  log x = e log 2 + 2 (t + t^3/3 + t^5/5 + ...),  t = (m - 1) / (m + 1).
// |t| < 0.172, so the term of t^11 is below 1e-9.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_COMMON_LOGARITHM_H
#define QUIPU_CODEGEN_COMMON_LOGARITHM_H

#include "codegen/common/ArithBuilder.h"

namespace quipu::codegen {

/// log(x) of an f32 scalar. `x` is a positive normal number, or NaN, which gives NaN.
template <typename Builder> mlir::Value logarithm(Builder &b, mlir::Value x) {
  using namespace mlir;
  constexpr int32_t kRootOfHalf = 0x3f3504f3, kMantissaBits = 23;
  // The bits above those of sqrt(1/2): the upper part is e, the lower part is that of m.
  Value above = b.sub(arith::BitcastOp::create(b, b.getI32Type(), x), b.i32(kRootOfHalf));
  Value exponent = arith::ShRSIOp::create(b, above, b.i32(kMantissaBits));
  Value mantissa = b.add(b.both(above, b.i32((1 << kMantissaBits) - 1)), b.i32(kRootOfHalf));
  Value m = arith::BitcastOp::create(b, b.getF32Type(), mantissa);
  Value t = b.divf(b.subf(m, b.f32(1.0f)), b.addf(m, b.f32(1.0f))), square = b.mulf(t, t);
  Value series = b.f32(1.0f / 9);
  for (float coefficient : {1.0f / 7, 1.0f / 5, 1.0f / 3, 1.0f})
    series = b.fma(series, square, b.f32(coefficient));
  Value e = arith::SIToFPOp::create(b, b.getF32Type(), exponent);
  Value logarithm = b.fma(e, b.f32(0.693147180559945309f), b.mulf(b.mulf(t, b.f32(2.0f)), series));
  // The bits of a NaN give a number. 0 times NaN is NaN.
  return b.addf(logarithm, b.mulf(x, b.f32(0.0f)));
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_LOGARITHM_H
