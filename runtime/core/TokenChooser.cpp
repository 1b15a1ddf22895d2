//===- TokenChooser.cpp - Tokens chosen on the host --------------------------------------===//
//
// This file is compiled without contraction into fused operations, and calls no mathematical function of the system
// but floor, so that every machine rounds the same.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/core/TokenChooser.h"
#include "runtime/core/Logits.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace quipu {

/// e^x for x <= 0, by argument reduction and Taylor's series. Below e^-60 it gives 0: such a token is never drawn.
static double expOf(double x) {
  if (!(x > -60))
    return 0;
  constexpr double log2e = 1.4426950408889634;
  constexpr double ln2High = 6.93147180369123816490e-01;
  constexpr double ln2Low = 1.90821492927058770002e-10;
  double k = std::floor(x * log2e + 0.5);
  double r = (x - k * ln2High) - k * ln2Low;
  double sum = 1;
  for (int i = 13; i >= 1; --i)
    sum = 1 + sum * r / i;
  return sum * std::bit_cast<double>(uint64_t(1023 + int64_t(k)) << 52);
}

/// Keeps the `count` most likely candidates; of equally likely ones those with lower ids. Candidates are in the order
/// of their ids before and after.
void TokenChooser::keepMostLikely(size_t count) {
  if (count >= candidates.size())
    return;
  std::nth_element(candidates.begin(), candidates.begin() + ptrdiff_t(count), candidates.end(), isLikelier);
  candidates.resize(count);
  std::sort(candidates.begin(), candidates.end(), hasLowerToken);
}

/// Keeps the smallest set of most likely candidates whose values sum to `share` of all of them.
void TokenChooser::keepProbable(double share) {
  double total = 0;
  for (const Candidate &candidate : candidates)
    total += candidate.value;
  // A heap gives the likeliest candidates one by one. Usually the set is small and the vocabulary is large, so this is
  // faster than sorting.
  auto lessLikely = [](const Candidate &a, const Candidate &b) { return isLikelier(b, a); };
  std::make_heap(candidates.begin(), candidates.end(), lessLikely);
  auto end = candidates.end();
  for (double sum = 0; end != candidates.begin();) {
    std::pop_heap(candidates.begin(), end, lessLikely);
    sum += (--end)->value;
    if (sum >= share * total)
      break;
  }
  candidates.erase(candidates.begin(), end);
  std::sort(candidates.begin(), candidates.end(), hasLowerToken);
}

static float penalised(float logit, float penalty) { return logit > 0 ? logit / penalty : logit * penalty; }

int32_t TokenChooser::choose(std::span<const float> logits, const TokenSampling &sampling, double uniform) {
  const SampleRule &rule = sampling.rule;
  if (const std::vector<TokenEdit> &edits = sampling.edits(); !edits.empty()) {
    edited.assign(logits.begin(), logits.end());
    for (const TokenEdit &edit : edits) {
      float &value = edited[size_t(edit.token)];
      value += edit.bias;
      if (uint32_t count = edit.count & ~kSeen)
        value -= rule.presencePenalty + rule.frequencyPenalty * float(count);
      if (edit.count & kSeen)
        value = penalised(value, rule.repeatPenalty);
    }
    logits = edited;
  }
  if (rule.repeatPenalty != 1 && !sampling.recent.empty()) {
    adjusted.assign(logits.begin(), logits.end());
    for (int32_t token : sampling.recent) {
      // It starts from the original logit, so the penalty applies once, even if the token was seen several times.
      if (token < 0 || size_t(token) >= logits.size())
        continue;
      adjusted[size_t(token)] = penalised(logits[size_t(token)], rule.repeatPenalty);
    }
    logits = adjusted;
  }
  int32_t best = mostLikely(logits);
  float top = logits[size_t(best)];
  if (rule.scale == 0 || std::isinf(top))
    return best;

  candidates.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    double value = (double(logits[i]) - double(top)) * rule.scale;
    if (value > -60)
      candidates.push_back({value, int32_t(i)});
  }
  if (rule.topK > 0)
    keepMostLikely(rule.topK);
  // From here on values are probabilities, divided by the greatest one. Sums are in the order of the ids, so they are
  // the same with every library's sort and heap.
  for (Candidate &candidate : candidates)
    candidate.value = expOf(candidate.value);
  if (rule.topP < 1)
    keepProbable(rule.topP);
  if (rule.minP > 0)
    std::erase_if(candidates, [&](const Candidate &candidate) { return candidate.value < rule.minP; });
  double total = 0;
  for (const Candidate &candidate : candidates)
    total += candidate.value;
  double left = uniform * total;
  for (const Candidate &candidate : candidates) {
    left -= candidate.value;
    if (left < 0)
      return candidate.token;
  }
  // Because of rounding, something may be left behind the last candidate. Then the last one is chosen.
  return candidates.back().token;
}

void RowChooser::start(std::span<const TokenSampling *const> samplings) {
  rules.clear();
  for (const TokenSampling *sampling : samplings)
    rules.push_back(*sampling);
}

std::span<const int32_t> RowChooser::choose(const float *logits, size_t rows, size_t vocab) {
  tokens.assign(rows, -1);
  for (size_t r = 0; r < rows; ++r) {
    std::span<const float> row(logits + r * vocab, vocab);
    if (!allFinite(row))
      continue;
    if (rules.empty()) {
      tokens[r] = mostLikely(row);
      continue;
    }
    TokenSampling &sampling = rules[r];
    tokens[r] = chooser.choose(row, sampling, sampling.uniform());
    sampling.accept(tokens[r]);
  }
  return tokens;
}

} // namespace quipu
