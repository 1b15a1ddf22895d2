//===- Choices.cpp - Which answer a model prefers ------------------------------------------===//

#include "runtime/score/Choices.h"

namespace quipu {

Preferred preferredChoices(std::span<const double> logProbabilities, std::span<const size_t> bytes,
                           std::span<const size_t> tokens) {
  Preferred best;
  auto value = [&](size_t i, std::span<const size_t> lengths) { return logProbabilities[i] / double(lengths[i]); };
  for (size_t i = 1; i < logProbabilities.size(); ++i) {
    if (logProbabilities[i] > logProbabilities[best.whole])
      best.whole = i;
    if (value(i, bytes) > value(best.byBytes, bytes))
      best.byBytes = i;
    if (value(i, tokens) > value(best.byTokens, tokens))
      best.byTokens = i;
  }
  return best;
}

void Accuracies::add(const Preferred &preferred, size_t answer) {
  count += 1;
  wholeRight += preferred.whole == answer;
  bytesRight += preferred.byBytes == answer;
  tokensRight += preferred.byTokens == answer;
}

} // namespace quipu
