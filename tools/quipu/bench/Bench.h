//===- Bench.h - Running the tests of bench ---------------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_BENCH_H
#define QUIPU_TOOLS_QUIPU_BENCH_BENCH_H

#include "runtime/core/Session.h"
#include "runtime/support/Progress.h"
#include "tools/quipu/bench/Ceilings.h"
#include "tools/quipu/bench/Report.h"
#include "tools/quipu/bench/Sequences.h"
#include "tools/quipu/bench/Test.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace quipu::tool {

struct BenchOptions : RunSetting {
  BenchLists lists;
  bool profile = false;
};

/// Throws Error if the plan has no room for a test.
void checkTests(const PlanFile &file, const std::vector<BenchTest> &tests);

/// The greatest number of token slots of the cache that a test fills.
uint64_t cacheTokensOf(const plan::Plan &plan, const std::vector<BenchTest> &tests);

/// Options for loading the plan's model to measure the tests. `options`: those that were given; `weightsGiven`: whether
/// they say which weights.
ModelOptions benchModelOptions(ModelOptions options, bool weightsGiven, const PlanFile &file,
                               const std::vector<BenchTest> &tests);

/// Measures with one model, on its device.
class Bench {
public:
  /// Throws Error if the model does not have the token.
  Bench(const std::shared_ptr<const Model> &model, std::unique_ptr<Ceilings> ceilings,
        const std::vector<BenchTest> &tests, const BenchOptions &options);

  /// Measures a test. Adds one to `progress` after each repeat.
  BenchRow run(const BenchTest &test, Progress &progress);

  /// The machine and the model on which the rows so far were measured.
  BenchSetting setting(const std::string &planPath) const { return BenchSetting::of(*model, planPath, *ceilings); }

private:
  void runPrompt(const std::vector<SequenceId> &batch, uint32_t tokens);
  void score(const std::vector<SequenceId> &batch, uint32_t tokens);
  void generate(const std::vector<SequenceId> &batch, uint32_t tokens);
  /// Seconds of one run.
  double time(const BenchTest &test);
  StepProfile profile(const BenchTest &test);
  Work workOf(const BenchTest &test) const;
  bool boundByMemory(const BenchTest &test, const Work &work) const;

  std::shared_ptr<const Model> model;
  BenchOptions options;
  BenchSequences sequences;
  std::unique_ptr<Ceilings> ceilings;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_BENCH_H
