//===- Bench.cpp - Running the tests of bench --------------------------------------------===//

#include "tools/quipu/bench/Bench.h"
#include "runtime/core/Device.h"
#include "runtime/core/MemoryPlan.h"
#include "runtime/support/Error.h"
#include "runtime/support/RoundUp.h"

#include <algorithm>
#include <chrono>
#include <span>

namespace quipu::tool {

static uint64_t mostPositions(const std::vector<BenchTest> &tests) {
  uint64_t most = 0;
  for (const BenchTest &test : tests)
    most = std::max(most, test.positions());
  return most;
}

static uint32_t mostSequences(const std::vector<BenchTest> &tests) {
  uint32_t most = 0;
  for (const BenchTest &test : tests)
    most = std::max(most, test.batch);
  return most;
}

void checkTests(const PlanFile &file, const std::vector<BenchTest> &tests) {
  const plan::KvCache &cache = *file.plan().kv_cache();
  if (uint32_t batch = mostSequences(tests); batch > cache.max_batch())
    fail(file.path(), ": was compiled for ", cache.max_batch(), " sequences at once, --batch asks for ", batch,
         "; compile with --max-batch ", batch);
  if (uint64_t positions = mostPositions(tests); positions > cache.max_seq())
    fail(file.path(), ": was compiled for ", cache.max_seq(), " positions, the run needs ", positions,
         "; ask for fewer; ", adviceOnLength(file.plan(), positions));
}

uint64_t cacheTokensOf(const plan::Plan &plan, const std::vector<BenchTest> &tests) {
  uint64_t page = plan.kv_cache()->page();
  return mostSequences(tests) * roundUp(mostPositions(tests), page);
}

ModelOptions benchModelOptions(ModelOptions options, bool weightsGiven, const PlanFile &file,
                               const std::vector<BenchTest> &tests) {
  // Speed does not depend on values, so a plan without weight files gets random weights.
  bool hasFiles = file.plan().files() && file.plan().files()->size() > 0;
  if (!hasFiles && !weightsGiven)
    options.weights = WeightSource::random(0);
  // The cache is only as big as the tests need.
  options.cacheTokens = cacheTokensOf(file.plan(), tests);
  return options;
}

Bench::Bench(const std::shared_ptr<const Model> &loaded, std::unique_ptr<Ceilings> limits,
             const std::vector<BenchTest> &tests, const BenchOptions &options)
    : model(loaded), options(options), sequences(loaded, mostSequences(tests), options.token),
      ceilings(std::move(limits)) {}

void Bench::runPrompt(const std::vector<SequenceId> &batch, uint32_t tokens) {
  std::vector<int32_t> ids = sequences.tokens(tokens);
  std::vector<SequenceTokens> step = partsOf(batch, ids);
  if (sequences.session.choosesOnDevice())
    sequences.session.choose(step, {options.chunk});
  else
    sequences.session.step(step, StepOptions{options.chunk});
}

void Bench::score(const std::vector<SequenceId> &batch, uint32_t tokens) {
  std::vector<int32_t> ids = sequences.tokens(size_t(tokens) + 1);
  std::vector<SequenceTargets> parts;
  parts.reserve(batch.size());
  for (SequenceId sequence : batch)
    parts.push_back({sequence, std::span(ids).first(tokens), std::span(ids).subspan(1)});
  sequences.session.score(parts, [](size_t, size_t, float) {}, {options.chunk});
}

void Bench::generate(const std::vector<SequenceId> &batch, uint32_t tokens) {
  std::vector<int32_t> ids = sequences.tokens(tokens);
  if (sequences.session.choosesOnDevice()) {
    // As in greedy generation on this device, no step waits for the host.
    std::vector<NextToken> next;
    next.reserve(batch.size());
    for (SequenceId sequence : batch)
      next.push_back({sequence, ids[0]});
    sequences.session.greedy(next, tokens, [](std::span<const int32_t>) { return true; });
    return;
  }
  for (uint32_t i = 0; i < tokens; ++i)
    sequences.session.step(partsOf(batch, std::span(ids).subspan(i, 1)));
}

double Bench::time(const BenchTest &test) {
  std::vector<SequenceId> batch = sequences.fillTo(test.depth, test.batch);
  auto start = std::chrono::steady_clock::now();
  if (test.prompt)
    runPrompt(batch, test.prompt);
  if (test.generated)
    generate(batch, test.generated);
  if (test.scored)
    score(batch, test.scored);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The prompt's first launch, or the first step of generation.
StepProfile Bench::profile(const BenchTest &test) {
  std::vector<SequenceId> batch = sequences.fillTo(test.depth, test.batch);
  std::vector<int32_t> ids = sequences.tokens(test.prompt ? test.prompt : 1);
  StepTimes times = sequences.session.profile(partsOf(batch, ids), {options.repeats}, {options.chunk});
  return StepProfile::of(model->plan(), {&times, 1}, Steps::Together);
}

Work Bench::workOf(const BenchTest &test) const {
  uint64_t chunk = options.rowsOfLaunch(*model);
  Work work = promptWork(*model, test.batch, test.depth, test.prompt, chunk);
  work += generationWork(*model, test.batch, uint64_t(test.depth) + test.prompt, test.generated);
  work += promptWork(*model, test.batch, test.depth, test.scored, chunk, /*scored=*/true);
  return work * (1 / double(test.tokens()));
}

/// Arithmetic limits prompts and scoring, and reading memory limits generation. For a test of both, the part that takes
/// longer decides which is shown.
bool Bench::boundByMemory(const BenchTest &test, const Work &work) const {
  if (!test.prompt || !test.generated)
    return !test.prompt && !test.scored;
  return ceilings->operations() == 0 || work.bytes() / ceilings->bytes() >= work.operations / ceilings->operations();
}

/// BenchRow::ofCeiling. `rates`: what was measured before the first run and behind each run.
static std::optional<double> ofCeilings(const BenchRow &row, const std::vector<CeilingRates> &rates) {
  double amount = row.isMemoryBound ? row.work.bytes() : row.work.operations;
  auto rate = [&](size_t i) { return row.isMemoryBound ? rates[i].bytes : rates[i].operations; };
  std::vector<double> shares;
  for (size_t i = 0; i < row.runs.size(); ++i) {
    double ceiling = std::max(rate(i), rate(i + 1));
    if (ceiling == 0)
      return std::nullopt;
    shares.push_back(amount * row.runs[i] / ceiling);
  }
  return Statistics::of(std::move(shares)).median;
}

BenchRow Bench::run(const BenchTest &test, Progress &progress) {
  BenchRow row;
  row.test = test;
  row.threads = model->device().threads();
  time(test); // warm-up
  // Ceilings and runs are measured in turn, so that other load on the machine affects both.
  std::vector<CeilingRates> rates = {ceilings->measure()};
  for (uint32_t i = 0; i < options.repeats; ++i) {
    row.runs.push_back(double(test.tokens()) / time(test));
    rates.push_back(ceilings->measure());
    progress.add(1);
  }
  row.rate = Statistics::of(row.runs);
  row.work = workOf(test);
  row.ceilingBytes = ceilings->bytes();
  row.ceilingOperations = ceilings->operations();
  row.isMemoryBound = boundByMemory(test, row.work);
  row.ofCeiling = ofCeilings(row, rates);
  if (options.profile && !(test.prompt && test.generated) && !test.scored)
    row.profile = profile(test);
  return row;
}

} // namespace quipu::tool
