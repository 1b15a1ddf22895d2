//===- KernelTolerance.h - How far code may be from its kernel --*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELTOLERANCE_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELTOLERANCE_H

#include "ir/Llama/Llama.h"

namespace quipu::tool {

/// The greatest difference of an element: a part of its value, and a part of the greatest value of the result.
struct KernelTolerance {
  double ofValue = 0, ofGreatest = 0;

  double at(double value, double greatest) const { return ofValue * value + ofGreatest * greatest; }
};

/// Of a result with elements of this type. Code may add numbers in another order, has functions of its own (exp, tanh,
/// sine), and may come to lie on the other side where a number is rounded. So the tolerance follows from the types and
/// the numbers of terms:
/// - a result of 16 bits: one step of its type;
/// - a product of n terms: sqrt(n) roundings of f32;
/// - an input of such a product that the kernel itself rounds (to 16 bits, or to 8 bits with a scale): one step of an
///   input for each product, beside sqrt(n) terms;
/// - attention on a cache of 16 bits: weights of keys are rounded to its type.
KernelTolerance toleranceOf(llama::KernelOp kernel, mlir::Type element);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_KERNELTOLERANCE_H
