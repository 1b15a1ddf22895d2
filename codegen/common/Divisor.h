//===- Divisor.h - Parts of equal size --------------------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_DIVISOR_H
#define QUIPU_CODEGEN_COMMON_DIVISOR_H

#include <algorithm>
#include <cstdint>

namespace quipu::codegen {

/// The largest divisor of `number` that is at most `most`. 1 if `most` is less than 1.
inline int64_t largestDivisor(int64_t number, int64_t most) {
  int64_t divisor = std::max<int64_t>(1, std::min(number, most));
  while (number % divisor)
    --divisor;
  return divisor;
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_DIVISOR_H
