//===- ActiveRequest.cpp - A request that has not ended yet ------------------------------===//

#include "runtime/engine/ActiveRequest.h"
#include "runtime/core/Logits.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace quipu {

float scoreToken(std::span<const float> logits, int32_t token, uint32_t top, std::vector<TokenLogProb> &tops) {
  LogSoftmax logProbs(logits);
  for (int32_t each : mostLikely(logits, top))
    tops.push_back({each, logProbs.of(each)});
  return logProbs.of(token);
}

float scoreToken(const TokenScores &scores, uint32_t top, std::vector<TokenLogProb> &tops) {
  // As LogSoftmax does.
  constexpr double kUnit = 1 / double(int64_t(1) << kScoreBits);
  double logSum = std::log(double(scores.sum) * kUnit);
  auto logProb = [&](float logit) { return float(double(logit) - double(scores.largest) - logSum); };
  std::array<TokenScores::Top, kSampleTop> best;
  std::copy_n(scores.top, top, best.begin());
  std::ranges::sort(std::span(best).first(top), [](const TokenScores::Top &a, const TokenScores::Top &b) {
    return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
  });
  for (const TokenScores::Top &each : std::span(best).first(top))
    tops.push_back({each.token, logProb(each.logit)});
  return logProb(scores.chosen);
}

void PromptScores::take(uint32_t position, std::span<const float> logits) {
  if (position != known || isComplete())
    return;
  logProbs.push_back(scoreToken(logits, request.prompt[position + 1], request.topLogProbs, tops));
  ++known;
}

std::vector<ScoredToken> PromptScores::tokens() const {
  std::vector<ScoredToken> result;
  for (size_t i = 0; i < request.prompt.size(); ++i) {
    ScoredToken token = {request.prompt[i], 0, {}};
    if (i > 0) {
      token.logProb = logProbs[i - 1];
      token.top = std::span(tops).subspan((i - 1) * request.topLogProbs, request.topLogProbs);
    }
    result.push_back(token);
  }
  return result;
}

} // namespace quipu
