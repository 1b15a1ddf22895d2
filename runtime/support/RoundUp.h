//===- RoundUp.h - The next multiple of a number ----------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_ROUNDUP_H
#define QUIPU_RUNTIME_SUPPORT_ROUNDUP_H

#include <cstdint>

namespace quipu {

/// The smallest multiple of `multiple` that is not below `value`.
constexpr uint64_t roundUp(uint64_t value, uint64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_ROUNDUP_H
