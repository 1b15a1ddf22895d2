//===- Logits.cpp - Rows of logits: the choice, and what is no number --------------------===//

#include "runtime/core/Logits.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace quipu {

void failForChoice() { fail("every logit is NaN or minus infinity: there is nothing to choose"); }

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
    failForChoice();
  return best;
}

LogSoftmax::LogSoftmax(std::span<const float> logits) : logits(logits), largest(*std::ranges::max_element(logits)) {
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(double(logit) - largest);
  logSum = std::log(sum);
}

float logProbability(std::span<const float> logits, int32_t token) { return LogSoftmax(logits).of(token); }

std::vector<int32_t> mostLikely(std::span<const float> logits, size_t count) {
  // The best so far, the least likely of them in front.
  std::vector<int32_t> best;
  auto isLikelier = [&](int32_t a, int32_t b) {
    float left = logits[size_t(a)], right = logits[size_t(b)];
    return left != right ? left > right : a < b;
  };
  for (size_t i = 0; i < logits.size() && count > 0; ++i) {
    int32_t token = int32_t(i);
    if (best.size() == count && !isLikelier(token, best.front()))
      continue;
    if (best.size() == count) {
      std::ranges::pop_heap(best, isLikelier);
      best.pop_back();
    }
    best.push_back(token);
    std::ranges::push_heap(best, isLikelier);
  }
  std::ranges::sort_heap(best, isLikelier);
  return best;
}

bool allFinite(std::span<const float> logits) {
  // Infinities and NaN have all bits of the exponent set. Whole numbers and no early end: the loop becomes vectors.
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t found = 0;
  for (float logit : logits)
    found |= uint32_t((std::bit_cast<uint32_t>(logit) & kExponent) == kExponent);
  return !found;
}

bool allChosen(std::span<const int32_t> tokens) {
  return std::ranges::all_of(tokens, [](int32_t token) { return token >= 0; });
}

/// What to try with a model whose numbers are none.
static const char *adviceOn(const plan::Plan &plan) {
  // Of what the numbers pass through, f16 alone has a narrow range.
  bool isHalf = plan.config()->compute_dtype() == plan::DType::f16 || plan.kv_cache()->dtype() == plan::DType::f16;
  return isHalf
             ? "the numbers may have left the range of f16: compile with --dtype f32 or bf16"
             : "the weights may hold NaN or infinity, or be damaged: get them again, or compare them with the plan by "
               "--verify; --dtype f32 shows whether rounding has a part in it";
}

void requireFiniteScore(float score, uint64_t position, size_t sequence, const plan::Plan &plan) {
  if (!std::isfinite(score))
    fail("the log-probability behind position ", position, " of sequence ", sequence, " is ",
         std::isnan(score) ? "NaN" : "infinite", ": the logits there are NaN or infinite; ", adviceOn(plan));
}

void failForLogits(uint64_t position, const plan::Plan &plan) {
  fail("the logits at position ", position, " are no numbers to choose from: some are NaN or infinite; ",
       adviceOn(plan));
}

void FiniteCheck::look(std::span<const float> logits, uint64_t at, size_t of) {
  lastSequence = std::max(lastSequence, of);
  if (allFinite(logits) || badRows++)
    return;
  position = at;
  sequence = of;
  vocab = logits.size();
  for (size_t i = logits.size(); i-- > 0;) {
    if (std::isfinite(logits[i]))
      continue;
    firstToken = i;
    ++(std::isnan(logits[i]) ? nans : infinities);
  }
}

void FiniteCheck::require(const plan::Plan &plan) const {
  if (passed())
    return;
  std::string count = nans ? concat(nans, " of ", vocab, nans == 1 ? " is NaN" : " are NaN") : "";
  if (infinities)
    count += nans ? concat(" and ", infinities, " infinite")
                  : concat(infinities, " of ", vocab, infinities == 1 ? " is infinite" : " are infinite");
  fail("the logits at position ", position, lastSequence ? concat(" of sequence ", sequence) : "",
       " are no numbers to choose from: ", count, " (the first is of token ", firstToken, ")",
       badRows > 1
           ? concat(", and ", badRows - 1, badRows == 2 ? " more position has such" : " more positions have such")
           : "",
       "; ", adviceOn(plan));
}

} // namespace quipu
