//===- Activation.h - The activation of a gate ------------------*- C++ -*-===//
//
// The smooth activations are x times a logistic function, of x itself or of a polynomial in it:
//
//   silu(x)      = x / (1 + exp(-x))
//   gelu_tanh(x) = 0.5 x (1 + tanh(u)) = x / (1 + exp(-2 u)),   u = sqrt(2 / pi) (x + 0.044715 x^3)
//
// since 1 + tanh(u) = 2 / (1 + exp(-2 u)). relu(x) = max(x, 0); the maximum of NaN and 0 is NaN, so that a wrong number
// is found in the logits.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_COMMON_ACTIVATION_H
#define QUIPU_CODEGEN_COMMON_ACTIVATION_H

#include "ir/Llama/Llama.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace quipu::codegen {

/// act(x) for f32 values of an emitter's builder.
template <typename Builder> mlir::Value activate(Builder &b, llama::Activation activation, mlir::Value x) {
  switch (activation) {
  case llama::Activation::Silu:
    return b.silu(x);
  case llama::Activation::GeluTanh: {
    constexpr float kTwiceRoot = 1.5957691216057308f; // 2 sqrt(2 / pi)
    mlir::Value factor = b.fma(b.mulf(x, x), b.constantLike(x, kTwiceRoot * 0.044715f), b.constantLike(x, kTwiceRoot));
    return b.timesLogistic(x, b.mulf(x, factor));
  }
  case llama::Activation::Relu:
    return mlir::arith::MaximumFOp::create(b, x, b.constantLike(x, 0.0f));
  }
  llvm_unreachable("all activations are listed");
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_ACTIVATION_H
