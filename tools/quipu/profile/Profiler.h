//===- Profiler.h - Measuring the steps of a model --------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_PROFILE_PROFILER_H
#define QUIPU_TOOLS_QUIPU_PROFILE_PROFILER_H

#include "runtime/support/Progress.h"
#include "tools/quipu/bench/Ceilings.h"
#include "tools/quipu/bench/Report.h"
#include "tools/quipu/bench/Sequences.h"
#include "tools/quipu/bench/Test.h"
#include "tools/quipu/profile/StepProfile.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace quipu::tool {

struct ProfilerOptions : RunSetting {
  /// A prompt, or tokens that are generated one by one.
  BenchTest test;
};

/// What was measured of a model.
struct Profile {
  BenchSetting setting;
  BenchTest test;
  unsigned threads = 0;
  StepProfile steps;
  /// The ceilings of the same run, per second. 0: not measured.
  double ceilingBytes = 0, ceilingOperations = 0;
  /// The measured steps, in order: parts of a prompt, or one for each generated token.
  std::vector<StepTimes> times;
};

/// Measures each step of the test. `name` is the plan's or model's, for the setting. Adds one to `progress` after each
/// step.
Profile profileModel(const std::shared_ptr<const Model> &model, Ceilings &ceilings, const ProfilerOptions &options,
                     const std::string &name, Progress &progress);

/// The number of steps that profileModel() measures, for its progress.
uint64_t profiledSteps(const Model &model, const ProfilerOptions &options);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_PROFILE_PROFILER_H
