//===- Logits.h - The choice from a row of logits -----------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_LOGITS_H
#define QUIPU_RUNTIME_CORE_LOGITS_H

#include <cstdint>
#include <span>

namespace quipu {

/// Number of the largest logit, the first of equals. A NaN is greater than nothing. Throws Error when all are NaN or
/// minus infinity.
int32_t mostLikely(std::span<const float> logits);

/// A row of logits with nothing to choose. Throws Error.
[[noreturn]] void failForNothingToChoose();

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_LOGITS_H
