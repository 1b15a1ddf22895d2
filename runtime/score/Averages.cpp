//===- Averages.cpp - Two means of a loss --------------------------------------------------===//

#include "runtime/score/Averages.h"

namespace quipu {

void LossAverages::add(size_t tokens, double logProbability) {
  sampleCount += 1;
  tokenCount += tokens;
  negativeSum -= logProbability;
  meansSum -= logProbability / double(tokens);
}

} // namespace quipu
