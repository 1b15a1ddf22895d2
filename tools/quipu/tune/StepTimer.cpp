//===- StepTimer.cpp - Times of a plan's kernels ------------------------------------------===//

#include "tools/quipu/tune/StepTimer.h"

#include "runtime/plan/Steps.h"
#include "tools/quipu/profile/StepProfile.h"

#include <algorithm>

namespace quipu::tool {

/// How long one measurement of a step repeats it, and how often at least and at most. Steps that score are measured for
/// one kernel alone.
static constexpr double kMeasuredSeconds = 0.05, kScoredSeconds = 0.015;
static constexpr double kFewestRepeats = 3, kMostRepeats = 100;

TunedSteps TunedSteps::of(const plan::Plan &plan) {
  TunedSteps steps;
  uint32_t positions = plan.kv_cache()->max_seq();
  steps.depth = std::min(steps.depth, positions / 2);
  steps.prompt = std::min(steps.prompt, positions / 2);
  return steps;
}

StepTimer::StepTimer(std::shared_ptr<const Model> model, TunedSteps steps)
    : generation(model, 1, std::nullopt), prompts(std::move(model), 1, std::nullopt),
      token{steps.depth, 1, false, kMeasuredSeconds}, prompt{0, steps.prompt, false, kMeasuredSeconds},
      scoredToken{steps.depth, 1, true, kScoredSeconds}, scoredPrompt{0, steps.prompt, true, kScoredSeconds} {}

/// The tokens of a step. Where it is scored, each is its own target: which target it is makes no difference in time.
static std::vector<SequenceTokens> batchOf(const std::vector<SequenceId> &sequences, std::span<const int32_t> ids,
                                           bool isScore) {
  std::vector<SequenceTokens> batch = partsOf(sequences, ids);
  for (SequenceTokens &part : batch)
    if (isScore) {
      part.logits = LogitsMode::Targets;
      part.targets = ids;
    }
  return batch;
}

void StepTimer::measure(BenchSequences &sequences, Step &step, Seconds &sum) {
  std::vector<SequenceId> sequence = sequences.fillTo(step.depth, 1);
  std::vector<int32_t> ids = sequences.tokens(step.tokens);
  double repeats =
      step.seconds > 0 ? std::clamp(step.budget / step.seconds, kFewestRepeats, kMostRepeats) : kFewestRepeats;
  StepTimes times = sequences.session.profile(batchOf(sequence, ids, step.isScore),
                                              {static_cast<unsigned>(repeats), /*counters=*/false});
  StepProfile profile = StepProfile::of(sequences.session.model().plan(), std::span(&times, 1), Steps::Alike);
  step.seconds = profile.observed.median;
  Seconds own;
  for (const ProfileLine &line : profile.lines)
    own[line.kernel] += line.seconds.median;
  // Most kernels of a program that scores are those of the program beside it, where they were measured.
  sum.merge(own);
}

/// Whether a plan has programs whose kernels give probabilities of targets.
static bool hasScores(const plan::Plan &plan) {
  return std::ranges::any_of(*plan.programs(),
                             [](const plan::Program *program) { return gives(*program, StepOutput::LogProbs); });
}

StepTimer::Seconds StepTimer::measure() {
  Seconds sum;
  measure(generation, token, sum);
  measure(prompts, prompt, sum);
  if (!hasScores(model().plan()))
    return sum;
  measure(generation, scoredToken, sum);
  measure(prompts, scoredPrompt, sum);
  return sum;
}

std::vector<float> StepTimer::logits() {
  std::vector<SequenceId> batch = prompts.fillTo(0, 1);
  std::vector<int32_t> ids = prompts.tokens(prompt.tokens + 1);
  std::span<const int32_t> tokens = std::span(ids).first(prompt.tokens), targets = std::span(ids).last(prompt.tokens);
  std::vector<float> all;
  auto keep = [&](size_t, size_t, std::span<const float> row) { all.insert(all.end(), row.begin(), row.end()); };
  prompts.session.step(partsOf(batch, tokens), keep);
  prompts.session.step(partsOf(batch, std::span(ids).last(1)), keep);
  const SequenceTargets scored = {prompts.fillTo(0, 1).front(), tokens, targets};
  prompts.session.score(std::span(&scored, 1), [&](size_t, size_t, float score) { all.push_back(score); });
  return all;
}

} // namespace quipu::tool
