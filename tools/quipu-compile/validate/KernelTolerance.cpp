//===- KernelTolerance.cpp - How far code may be from its kernel ----------===//

#include "tools/quipu-compile/validate/KernelTolerance.h"

#include "mlir/IR/BuiltinTypes.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace quipu::tool {

/// Functions of f32, and sums of few terms.
static constexpr double kFunctions = 4e-6;

/// How many deviations of an error that follows from random inputs are still no fault.
static constexpr double kDeviations = 2;

/// The distance of neighbouring numbers of a type, as a part of the smaller one, at most.
static double stepOf(Type type) {
  unsigned digits = cast<FloatType>(type).getFPMantissaWidth();
  return std::ldexp(1.0, 1 - int(digits));
}

/// What rounding to 8 bits may change, as a part of the deviation: the greatest of a block, about 3 deviations, has 127
/// steps.
static constexpr double kInt8Step = 3.0 / 127;

static double ofLinear(llama::LinearOp linear) {
  Value input = linear.getInput();
  auto type = cast<RankedTensorType>(input.getType());
  double terms = std::sqrt(double(type.getDimSize(1)));
  double tolerance = kDeviations * terms * stepOf(Float32Type::get(linear.getContext())) / 2;
  if (input.getDefiningOp<llama::QuantizeOp>())
    tolerance += kDeviations * kInt8Step / terms;
  else if (input.getDefiningOp() && !type.getElementType().isF32())
    tolerance += kDeviations * stepOf(type.getElementType()) / terms;
  return tolerance;
}

static double ofAttention(llama::AttentionOp attention) {
  Type element = cast<llama::KVLayerType>(attention.getKv().getType()).getElementType();
  return element.isF32() ? kFunctions : stepOf(element);
}

KernelTolerance toleranceOf(llama::KernelOp kernel, Type element) {
  KernelTolerance tolerance;
  tolerance.ofValue = stepOf(element);
  tolerance.ofGreatest = kFunctions;
  kernel.walk([&](Operation *op) {
    if (auto linear = dyn_cast<llama::LinearOp>(op))
      tolerance.ofGreatest += ofLinear(linear);
    else if (auto attention = dyn_cast<llama::AttentionOp>(op))
      tolerance.ofGreatest += ofAttention(attention);
  });
  return tolerance;
}

} // namespace quipu::tool
