//===- Profiler.cpp - Measuring the steps of a model -------------------------------------===//

#include "tools/quipu/profile/Profiler.h"
#include "runtime/core/Device.h"
#include "tools/quipu/bench/Sequences.h"

#include <algorithm>

namespace quipu::tool {

namespace {

/// So many times ceilings are measured, at most: also between steps, so that other load on the machine affects both.
constexpr uint64_t kCeilingMeasurements = 3;

/// The tokens of all sequences of a batch, which go to the model in several steps.
class Batch {
public:
  Batch(BenchSequences &sequences, const BenchTest &test)
      : session(sequences.session), batch(sequences.fillTo(test.depth, test.batch)),
        ids(sequences.tokens(test.prompt ? test.prompt : test.generated)), done(batch.size()) {}

  /// The next step: at most `most` tokens of each sequence that is not finished.
  std::vector<SequenceTokens> next(size_t most) const {
    std::vector<SequenceTokens> parts;
    for (size_t i = 0; i < batch.size(); ++i)
      if (done[i] < ids.size())
        parts.push_back({batch[i], std::span(ids).subspan(done[i], std::min(most, ids.size() - done[i]))});
    return parts;
  }

  /// Appends the tokens that were measured to their sequences.
  void advance(const std::vector<SequenceRows> &measured, const StepOptions &options) {
    std::vector<SequenceTokens> parts;
    size_t row = 0;
    for (size_t i = 0; i < batch.size() && row < measured.size(); ++i) {
      if (done[i] == ids.size())
        continue;
      size_t count = measured[row++].count;
      parts.push_back({batch[i], std::span(ids).subspan(done[i], count), LogitsMode::None});
      done[i] += count;
    }
    session.step(parts, options);
  }

  bool isDone() const {
    return std::ranges::all_of(done, [&](size_t count) { return count == ids.size(); });
  }

private:
  Session &session;
  std::vector<SequenceId> batch;
  std::vector<int32_t> ids;
  /// Tokens of each sequence that it has.
  std::vector<size_t> done;
};

} // namespace

uint64_t profiledSteps(const Model &model, const ProfilerOptions &options) {
  if (!options.test.prompt)
    return options.test.generated;
  return launchesOf(options.test.batch, options.test.depth, options.test.prompt, options.rowsOfLaunch(model)).size();
}

Profile profileModel(const std::shared_ptr<const Model> &model, Ceilings &ceilings, const ProfilerOptions &options,
                     const std::string &name, Progress &progress) {
  const BenchTest &test = options.test;
  Profile profile;
  profile.test = test;
  profile.threads = model->device().threads();
  BenchSequences sequences(model, test.batch, options.token);
  Batch batch(sequences, test);
  uint64_t steps = profiledSteps(*model, options), measured = 0;
  StepOptions stepOptions = {test.prompt ? options.chunk : 0};
  for (uint64_t step = 0; !batch.isDone(); ++step) {
    if (measured * steps <= step * (kCeilingMeasurements - 1)) {
      ceilings.measure();
      ++measured;
    }
    std::vector<SequenceTokens> parts = batch.next(test.prompt ? SIZE_MAX : 1);
    profile.times.push_back(sequences.session.profile(parts, {options.repeats, /*counters=*/true}, stepOptions));
    batch.advance(profile.times.back().rows.sequences, stepOptions);
    progress.add(1);
  }
  ceilings.measure();
  profile.steps = StepProfile::of(model->plan(), profile.times, test.prompt ? Steps::Together : Steps::Alike);
  profile.ceilingBytes = ceilings.bytes();
  profile.ceilingOperations = ceilings.operations();
  profile.setting = BenchSetting::of(*model, name, ceilings);
  return profile;
}

} // namespace quipu::tool
