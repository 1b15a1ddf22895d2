//===- StepTimer.cpp - Times of a plan's kernels ------------------------------------------===//

#include "tools/quipu/tune/StepTimer.h"

#include "runtime/plan/Steps.h"
#include "tools/quipu/profile/StepProfile.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace quipu::tool {

/// How long one measurement of a step repeats it, and how often at least and at most. Steps that score are measured for
/// one kernel alone.
static constexpr double kMeasuredSeconds = 0.05, kScoredSeconds = 0.015;
static constexpr double kFewestRepeats = 3, kMostRepeats = 100;

/// Positions behind which a token is generated, and tokens of a prompt.
static constexpr uint32_t kDepth = 64, kPrompt = 128;

/// Whether the program's kernels give probabilities of targets.
static bool scores(const plan::Program &program) { return gives(program, StepOutput::LogProbs); }

static std::vector<TunedStep> cpuSteps(const plan::Plan &plan) {
  uint32_t half = plan.kv_cache()->max_seq() / 2;
  std::vector<TunedStep> steps = {{"token", 1, std::min(kDepth, half), 1}, {"prompt", 1, 0, std::min(kPrompt, half)}};
  if (std::ranges::any_of(*plan.programs(), [](const plan::Program *program) { return scores(*program); }))
    for (size_t i = 0; i < 2; ++i) {
      TunedStep step = steps[i];
      step.name += ", scored";
      step.isScore = true;
      steps.push_back(std::move(step));
    }
  return steps;
}

/// The largest step of a program. Nothing: the plan has no room for any.
static std::optional<TunedStep> largestStep(const plan::Program &program, const plan::KvCache &cache) {
  bool isDecode = program.kind() == plan::ProgramKind::decode;
  TunedStep step = {.name = program.name()->str(), .isScore = scores(program)};
  uint32_t rows = std::min(program.max_rows(), isDecode ? cache.max_batch() : cache.max_seq());
  if (rows < program.min_rows())
    return std::nullopt;
  (isDecode ? step.sequences : step.tokens) = rows;
  if (isDecode)
    step.depth = std::min(kDepth, cache.max_seq() / 2);
  return step;
}

static std::vector<TunedStep> gpuSteps(const plan::Plan &plan) {
  std::vector<TunedStep> steps;
  for (bool isScore : {false, true})
    for (const plan::Program *program : *plan.programs())
      if (program->variant() == 0 && scores(*program) == isScore)
        if (auto step = largestStep(*program, *plan.kv_cache()))
          steps.push_back(std::move(*step));
  return steps;
}

std::vector<TunedStep> tunedSteps(const plan::Plan &plan) {
  return plan.target()->device()->string_view() == "cpu" ? cpuSteps(plan) : gpuSteps(plan);
}

static uint32_t mostSequences(const std::vector<TunedStep> &steps) {
  uint32_t most = 1;
  for (const TunedStep &step : steps)
    most = std::max(most, step.sequences);
  return most;
}

StepTimer::StepTimer(std::shared_ptr<const Model> model, const std::vector<TunedStep> &given)
    : generation(model, mostSequences(given), std::nullopt), prompts(std::move(model), 1, std::nullopt) {
  for (const TunedStep &step : given)
    steps.push_back({step});
}

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

StepTimer::Times StepTimer::measure() {
  Times times;
  for (Measured &step : steps) {
    BenchSequences &sequences = sequencesOf(step);
    std::vector<SequenceId> sequence = sequences.fillTo(step.depth, step.sequences);
    std::vector<int32_t> ids = sequences.tokens(step.tokens);
    double budget = step.isScore ? kScoredSeconds : kMeasuredSeconds;
    double repeats =
        step.seconds > 0 ? std::clamp(budget / step.seconds, kFewestRepeats, kMostRepeats) : kFewestRepeats;
    StepTimes measured = sequences.session.profile(batchOf(sequence, ids, step.isScore),
                                                   {static_cast<unsigned>(repeats), /*counters=*/false});
    StepProfile profile = StepProfile::of(model().plan(), std::span(&measured, 1), Steps::Alike);
    step.seconds = profile.observed.median;
    std::map<std::string, Kernel> own;
    for (const ProfileLine &line : profile.lines) {
      own[line.kernel].seconds += line.seconds.median;
      own[line.kernel].step = times.steps.size();
    }
    // Most kernels of a program that scores are those of the program beside it, where they were measured.
    times.kernels.merge(own);
    times.steps.push_back(profile.whole.median);
  }
  return times;
}

std::vector<float> StepTimer::logits() {
  std::vector<float> all;
  auto keep = [&](size_t, size_t, std::span<const float> row) { all.insert(all.end(), row.begin(), row.end()); };
  for (const Measured &step : steps) {
    BenchSequences &sequences = sequencesOf(step);
    std::vector<SequenceId> sequence = sequences.fillTo(step.depth, step.sequences);
    // The last id is the target of the one before.
    std::vector<int32_t> ids = sequences.tokens(step.tokens + 1);
    std::span<const int32_t> tokens = std::span(ids).first(step.tokens), targets = std::span(ids).last(step.tokens);
    if (!step.isScore) {
      sequences.session.step(partsOf(sequence, tokens), keep);
      continue;
    }
    std::vector<SequenceTargets> scored;
    for (SequenceId id : sequence)
      scored.push_back({id, tokens, targets});
    sequences.session.score(scored, [&](size_t, size_t, float score) { all.push_back(score); });
  }
  return all;
}

} // namespace quipu::tool
