//===- Tuner.cpp - The search for faster schedules ----------------------------------------===//

#include "tools/quipu/tune/Tuner.h"

#include "runtime/core/Device.h"
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/plan/Insight.h"
#include "runtime/support/Error.h"
#include "runtime/support/Progress.h"
#include "tools/common/Console.h"
#include "tools/quipu/bench/Bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace quipu::tool {

using Json = Tuner::Json;

/// Logits may differ by the order of sums: by this share of the largest of them.
static constexpr double kLogitTolerance = 1e-3;

Tuner::Tuner(PlanMaker maker, TunerOptions given) : makePlan(std::move(maker)), options(std::move(given)) {
  std::shared_ptr<const PlanFile> plan = makePlan(Json(), /*keepIr=*/true);
  if (plan->plan().target()->device()->string_view() != "cpu")
    fail(
        "quipu tune searches schedules of CPUs; for a GPU give --llama-select-schedules and compare with quipu profile "
        "(docs/tuning.md)");
  subject = Json::parse(Insight::of(*plan).record()).at("tunable");
  const Json &features = subject.at("target").at("features");
  bool hasPairs = std::ranges::find(features, Json("avx512bf16")) != features.end();
  std::map<std::string, std::string> shapes;
  for (const Json &kernel : subject.at("kernels"))
    shapes[kernel.at("name")] = kernel.at("shape");
  for (const plan::Kernel *kernel : *plan->plan().kernels())
    if (auto schedule = CpuSchedule::parse(kernel->schedule() ? kernel->schedule()->string_view() : "")) {
      std::string name = kernel->name()->str();
      ScheduleNumbers chosen = schedule->numbers;
      schedule->runMultiple = hasPairs ? 2 : 1;
      schedule->isInBlocks = shapes[name].find("!llama.block") != std::string::npos;
      kernels[name] = {std::move(*schedule), shapes[name], std::move(chosen)};
    }
  steps = TunedSteps::of(plan->plan());
  first = load(std::move(plan));
  firstLogits = first->logits();
}

std::unique_ptr<StepTimer> Tuner::load(std::shared_ptr<const PlanFile> plan) const {
  BenchTest prompt, token;
  prompt.prompt = steps.prompt + 1;
  token.depth = steps.depth;
  token.generated = 1;
  ModelOptions given = benchModelOptions(options.model, options.weightsGiven, *plan, {prompt, token});
  return std::make_unique<StepTimer>(Model::load(std::move(plan), given), steps);
}

std::map<std::string, Comparison> Tuner::compare(StepTimer &candidate, unsigned rounds) {
  // The first times are of cold caches, and say how often a step is repeated.
  first->measure();
  candidate.measure();
  std::map<std::string, Comparison> result;
  for (unsigned round = 0; round < rounds; ++round) {
    StepTimer::Seconds before = first->measure(), after = candidate.measure();
    for (const auto &[name, seconds] : before)
      result[name].add(seconds, after[name]);
  }
  return result;
}

Json Tuner::tuning(const std::map<std::string, ScheduleNumbers> &tried) const {
  Json list = Json::array();
  for (const auto &[name, numbers] : tried) {
    const Kernel &kernel = kernels.at(name);
    Json changed = Json::object();
    for (const auto &[number, value] : numbers)
      if (kernel.chosen.at(number) != value)
        changed[number] = value;
    if (changed.empty())
      continue;
    Json entry = {{"name", name}, {"shape", kernel.shape}, {"numbers", std::move(changed)}};
    if (kernel.secondsAfter > 0) {
      entry["us_before"] = kernel.secondsBefore * 1e6;
      entry["us_after"] = kernel.secondsAfter * 1e6;
    }
    list.push_back(std::move(entry));
  }
  Json file = subject;
  file.erase("kernels");
  file["machine"] = {
      {"cpu", cpuModelName()}, {"threads", first->model().device().threads()}, {"features", cpuFeatures()}};
  file["steps"] = {{"depth", steps.depth}, {"prompt", steps.prompt}};
  file["kernels"] = std::move(list);
  return file;
}

std::map<std::string, ScheduleNumbers> Tuner::tunedNumbers() const {
  std::map<std::string, ScheduleNumbers> numbers;
  for (const auto &[name, kernel] : kernels)
    numbers[name] = kernel.schedule.numbers;
  return numbers;
}

void Tuner::checkLogits(StepTimer &candidate) {
  std::vector<float> logits = candidate.logits();
  double largest = 0, difference = 0;
  for (size_t i = 0; i < firstLogits.size(); ++i) {
    largest = std::max<double>(largest, std::abs(firstLogits[i]));
    difference = std::max<double>(difference, std::abs(double(logits[i]) - firstLogits[i]));
  }
  // Written so that NaN fails too.
  if (!(difference <= kLogitTolerance * largest))
    fail("a plan with other schedules gives other logits: they differ by ", difference, ", of at most ", largest,
         "; please report it with this model");
}

void Tuner::tryMoves(const ScheduleMove *few, const ScheduleMove *many) {
  std::map<std::string, ScheduleNumbers> tried = tunedNumbers(), changed;
  for (const ScheduleMove *move : {few, many})
    for (const auto &[name, kernel] : kernels)
      if (auto numbers = move ? applyMove(*move, kernel.schedule) : std::nullopt)
        tried[name] = changed[name] = *numbers;
  if (changed.empty())
    return;
  std::unique_ptr<StepTimer> candidate = load(makePlan(tuning(tried), /*keepIr=*/false));
  checkLogits(*candidate);
  std::map<std::string, Comparison> times = compare(*candidate, options.rounds);
  for (const auto &[name, numbers] : changed) {
    auto measured = times.find(name);
    if (measured == times.end()) {
      if (options.note && unmeasured.insert(name).second)
        options.note(name + ": is not tuned, since no step of the search runs it");
      continue;
    }
    Kernel &kernel = kernels[name];
    const Comparison &comparison = measured->second;
    bool isBetter = comparison.isBetterThan(kernel.best);
    if (options.note)
      options.note(concat((kernel.schedule.isMany ? many : few)->name(), ": ", name, " takes ",
                          fixed(100 * comparison.ratio(), 1), " % of the time, +- ",
                          fixed(100 * comparison.spread(), 1), isBetter ? ": kept" : ""));
    if (!isBetter)
      continue;
    kernel.schedule.numbers = numbers;
    kernel.best = comparison.ratio();
  }
}

void Tuner::confirm() {
  auto isTuned = [](const auto &entry) { return entry.second.schedule.numbers != entry.second.chosen; };
  if (std::ranges::none_of(kernels, isTuned))
    return;
  std::unique_ptr<StepTimer> candidate = load(makePlan(tuning(tunedNumbers()), /*keepIr=*/false));
  checkLogits(*candidate);
  std::map<std::string, Comparison> times = compare(*candidate, 2 * options.rounds);
  for (auto &[name, kernel] : kernels) {
    if (kernel.schedule.numbers == kernel.chosen)
      continue;
    const Comparison &comparison = times[name];
    if (comparison.isBetterThan(1)) {
      kernel.secondsBefore = comparison.before();
      kernel.secondsAfter = comparison.after();
      continue;
    }
    kernel.schedule.numbers = kernel.chosen;
    if (options.note)
      options.note(concat(name, ": dropped, since together with the others it takes ",
                          fixed(100 * comparison.ratio(), 1), " % of the time, +- ",
                          fixed(100 * comparison.spread(), 1)));
  }
}

Json Tuner::run() {
  auto start = std::chrono::steady_clock::now();
  auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  std::vector<ScheduleMove> few, many;
  for (ScheduleMove &move : scheduleMoves())
    (move.isMany ? many : few).push_back(std::move(move));
  size_t count = std::max(few.size(), many.size());
  Progress progress("tune", count, Progress::Unit::Items, "candidate");
  double longest = 0;
  for (size_t i = 0; i < count; ++i) {
    double began = elapsed();
    // A candidate that would end behind the limit is not begun. One is always tried.
    if (i && began + longest > options.seconds) {
      if (options.note)
        options.note(concat("the time is over: ", i, " of ", count, " candidates were tried"));
      break;
    }
    tryMoves(i < few.size() ? &few[i] : nullptr, i < many.size() ? &many[i] : nullptr);
    longest = std::max(longest, elapsed() - began);
    progress.add(1);
  }
  confirm();
  return tuning(tunedNumbers());
}

} // namespace quipu::tool
