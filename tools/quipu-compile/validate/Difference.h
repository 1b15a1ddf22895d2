//===- Difference.h - How far values lie from what is expected --*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_DIFFERENCE_H
#define QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_DIFFERENCE_H

#include "llvm/ADT/ArrayRef.h"

#include <cstddef>
#include <string>

namespace quipu::tool {

/// The greatest difference between values and what is expected of them.
struct Difference {
  size_t index = 0;
  float expected = 0, found = 0;
  /// As a part of the greatest magnitude that is expected. Infinite where one of both is NaN.
  double relative = 0;
};

/// Both have the same number of values, one at least. NaN equals NaN: it is what was never written.
Difference differenceOf(llvm::ArrayRef<float> expected, llvm::ArrayRef<float> found);

/// A number for people: "3.1e-05".
std::string shortNumber(double value);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_VALIDATE_DIFFERENCE_H
