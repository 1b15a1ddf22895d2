//===- Scorer.h - Runs the texts of samples ------------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SCORE_SCORER_H
#define QUIPU_RUNTIME_SCORE_SCORER_H

#include "runtime/core/Session.h"
#include "runtime/score/Packing.h"
#include "runtime/score/Sample.h"

#include <functional>
#include <span>
#include <vector>

namespace quipu {

/// Is told of each group how many tokens it has, and whether they were computed or not needed.
using TokensDone = std::function<void(size_t tokens, bool wereComputed)>;

/// The log-probabilities of each text, which run together as sequences of one step. There are not more of them than the
/// model has sequences. The session has no sequence before and after.
std::vector<LogProbabilities> scoreTexts(Session &session, std::span<const ScoredText *const> texts,
                                         const StepOptions &options = {});

/// Called for each sample in order, as soon as it and all in front of it are computed.
using SampleDone = std::function<void(size_t sample, const SampleScore &score)>;

/// Scores the samples from number `begin` on. `groups`: the numbers of texts that run together, where the texts of all
/// samples are counted through. Groups stay as they are, whatever `begin` is: a group that has a text of a wanted
/// sample runs as a whole, so that an interrupted run goes on with exactly the same numbers.
void scoreSamples(Session &session, std::span<const Sample> samples, std::span<const TextGroup> groups, size_t begin,
                  const SampleDone &sampleDone, const TokensDone &tokensDone, const StepOptions &options = {});

} // namespace quipu

#endif // QUIPU_RUNTIME_SCORE_SCORER_H
