//===- StepTimer.cpp - Times of a plan's kernels ------------------------------------------===//

#include "tools/quipu/tune/StepTimer.h"

#include "tools/quipu/profile/StepProfile.h"

#include <algorithm>

namespace quipu::tool {

/// How long one measurement of a step repeats it, and how often at least and at most.
static constexpr double kMeasuredSeconds = 0.05;
static constexpr double kFewestRepeats = 3, kMostRepeats = 100;

TunedSteps TunedSteps::of(const plan::Plan &plan) {
  TunedSteps steps;
  uint32_t positions = plan.kv_cache()->max_seq();
  steps.depth = std::min(steps.depth, positions / 2);
  steps.prompt = std::min(steps.prompt, positions / 2);
  return steps;
}

StepTimer::StepTimer(std::shared_ptr<const Model> model, TunedSteps steps)
    : steps(steps), generation(model, 1, std::nullopt), prompts(std::move(model), 1, std::nullopt) {}

void StepTimer::measure(BenchSequences &sequences, uint32_t depth, uint32_t tokens, double &seconds, Seconds &sum) {
  std::vector<SequenceId> batch = sequences.fillTo(depth, 1);
  std::vector<int32_t> ids = sequences.tokens(tokens);
  double repeats = seconds > 0 ? std::clamp(kMeasuredSeconds / seconds, kFewestRepeats, kMostRepeats) : kFewestRepeats;
  StepTimes times =
      sequences.session.profile(partsOf(batch, ids), {static_cast<unsigned>(repeats), /*counters=*/false});
  StepProfile profile = StepProfile::of(sequences.session.model().plan(), std::span(&times, 1), Steps::Alike);
  seconds = profile.observed.median;
  for (const ProfileLine &line : profile.lines)
    sum[line.kernel] += line.seconds.median;
}

StepTimer::Seconds StepTimer::measure() {
  Seconds sum;
  measure(generation, steps.depth, 1, generationSeconds, sum);
  measure(prompts, 0, steps.prompt, promptSeconds, sum);
  return sum;
}

std::vector<float> StepTimer::logits() {
  std::vector<SequenceId> batch = prompts.fillTo(0, 1);
  std::vector<int32_t> ids = prompts.tokens(steps.prompt + 1);
  std::vector<float> all;
  auto keep = [&](size_t, size_t, std::span<const float> row) { all.insert(all.end(), row.begin(), row.end()); };
  prompts.session.step(partsOf(batch, std::span(ids).first(steps.prompt)), keep);
  prompts.session.step(partsOf(batch, std::span(ids).last(1)), keep);
  return all;
}

} // namespace quipu::tool
