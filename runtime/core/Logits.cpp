//===- Logits.cpp - The choice from a row of logits ---------------------------===//

#include "runtime/core/Logits.h"
#include "runtime/core/Error.h"

#include <limits>

namespace quipu {

int32_t mostLikely(std::span<const float> logits) {
  int32_t best = -1;
  float value = -std::numeric_limits<float>::infinity();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > value) {
      value = logits[i];
      best = int32_t(i);
    }
  }
  if (best < 0)
    failForNothingToChoose();
  return best;
}

void failForNothingToChoose() {
  fail("every logit is NaN or minus infinity: the weights or the compiled code are wrong, or numbers went out of the "
       "range of f16; try --dtype bf16 or f32");
}

} // namespace quipu
