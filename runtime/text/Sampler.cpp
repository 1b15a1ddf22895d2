//===- Sampler.cpp - From logits to a token ----------------------------------------------===//
//
// This file is compiled without contraction into fused operations, and calls no mathematical function of the system
// but floor, so that every machine rounds the same.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/text/Sampler.h"
#include "runtime/core/Logits.h"
#include "runtime/support/Error.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace quipu {

void SamplingOptions::check() const {
  auto wrong = [](const char *name, float value, const char *expected) {
    fail("--", name, " ", value, ": expected ", expected);
  };
  // Written so that a NaN fails.
  if (!(temperature >= 0 && std::isfinite(temperature)))
    wrong("temperature", temperature, "0 (greedy) or a positive number");
  if (!(topP >= 0 && topP <= 1))
    wrong("top-p", topP, "a number from 0 to 1");
  if (!(minP >= 0 && minP <= 1))
    wrong("min-p", minP, "a number from 0 to 1");
  if (!(repeatPenalty > 0 && std::isfinite(repeatPenalty)))
    wrong("repeat-penalty", repeatPenalty, "a positive number (1: off)");
}

/// e^x for x <= 0 by argument reduction and Taylor's series; 0 below e^-60, which no draw ever meets.
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

static uint64_t splitmix(uint64_t &x) {
  x += 0x9e3779b97f4a7c15;
  uint64_t z = x;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

Sampler::Sampler(const SamplingOptions &options) : options(options) {
  options.check();
  uint64_t seed = options.seed;
  for (uint64_t &word : state)
    word = splitmix(seed);
  recent.reserve(std::min<uint32_t>(options.repeatWindow, 1 << 16));
}

/// xoshiro256**, the upper 53 bits as a number in [0, 1).
double Sampler::uniform() {
  uint64_t result = std::rotl(state[1] * 5, 7) * 9;
  uint64_t shifted = state[1] << 17;
  state[2] ^= state[0];
  state[3] ^= state[1];
  state[1] ^= state[2];
  state[0] ^= state[3];
  state[2] ^= shifted;
  state[3] = std::rotl(state[3], 45);
  return double(result >> 11) * 0x1p-53;
}

void Sampler::accept(int32_t token) {
  if (options.repeatWindow == 0)
    return;
  if (recent.size() < options.repeatWindow) {
    recent.push_back(token);
    return;
  }
  recent[next] = token;
  next = (next + 1) % recent.size();
}

int32_t Sampler::sample(std::span<const float> logits) {
  if (options.repeatPenalty != 1 && !recent.empty()) {
    adjusted.assign(logits.begin(), logits.end());
    for (int32_t token : recent) {
      // From the original: a token counts once, however often it was seen.
      if (token < 0 || size_t(token) >= logits.size())
        continue;
      float value = logits[size_t(token)];
      adjusted[size_t(token)] = value > 0 ? value / options.repeatPenalty : value * options.repeatPenalty;
    }
    logits = adjusted;
  }
  int32_t best = mostLikely(logits);
  float top = logits[size_t(best)];
  if (options.temperature == 0 || std::isinf(top))
    return best;

  candidates.clear();
  double scale = 1 / double(options.temperature);
  for (size_t i = 0; i < logits.size(); ++i) {
    double value = (double(logits[i]) - double(top)) * scale;
    if (value > -60)
      candidates.push_back({value, int32_t(i)});
  }
  auto likelier = [](const Candidate &a, const Candidate &b) {
    return a.value != b.value ? a.value > b.value : a.token < b.token;
  };
  auto byToken = [](const Candidate &a, const Candidate &b) { return a.token < b.token; };
  if (options.topK > 0 && options.topK < candidates.size()) {
    std::nth_element(candidates.begin(), candidates.begin() + options.topK, candidates.end(), likelier);
    candidates.resize(options.topK);
    std::sort(candidates.begin(), candidates.end(), byToken);
  }
  // Sums run in the order of the ids, which no library's sort or heap can change.
  double total = 0;
  for (Candidate &candidate : candidates)
    total += candidate.value = expOf(candidate.value);
  if (options.topP < 1) {
    // A heap gives the likeliest one by one: the set is small as a rule, the vocabulary is not.
    auto lessLikely = [&](const Candidate &a, const Candidate &b) { return likelier(b, a); };
    std::make_heap(candidates.begin(), candidates.end(), lessLikely);
    auto end = candidates.end();
    for (double sum = 0; end != candidates.begin();) {
      std::pop_heap(candidates.begin(), end, lessLikely);
      sum += (--end)->value;
      if (sum >= double(options.topP) * total)
        break;
    }
    candidates.erase(candidates.begin(), end);
    std::sort(candidates.begin(), candidates.end(), byToken);
  }
  if (options.minP > 0)
    std::erase_if(candidates, [&](const Candidate &candidate) { return candidate.value < double(options.minP); });
  total = 0;
  for (const Candidate &candidate : candidates)
    total += candidate.value;
  double left = uniform() * total;
  for (const Candidate &candidate : candidates) {
    left -= candidate.value;
    if (left < 0)
      return candidate.token;
  }
  // Rounding may leave a trace behind the last one.
  return candidates.back().token;
}

TokenSampling Sampler::onDevice() {
  TokenSampling sampling = {};
  SampleRule &rule = sampling.rule;
  if (options.temperature != 0) {
    rule.scale = 1 / double(options.temperature);
    constexpr double log2e = 1.4426950408889634;
    rule.scaleLog2 = float(std::min(rule.scale * log2e, double(std::numeric_limits<float>::max())));
  }
  rule.topP = double(options.topP);
  rule.minP = double(options.minP);
  rule.repeatPenalty = options.repeatPenalty;
  rule.topK = options.topK;
  // Without a penalty it does not matter which tokens there were.
  if (options.repeatPenalty != 1) {
    rule.window = options.repeatWindow;
    rule.accepted = uint32_t(recent.size() < options.repeatWindow ? recent.size() : next);
    sampling.recent = recent;
  }
  sampling.uniform = [this] { return uniform(); };
  return sampling;
}

} // namespace quipu
