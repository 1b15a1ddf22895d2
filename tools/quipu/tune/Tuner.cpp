//===- Tuner.cpp - The search for faster schedules ----------------------------------------===//

#include "tools/quipu/tune/Tuner.h"

#include "runtime/core/Device.h"
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/cuda/CudaProperties.h"
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

/// Logits may differ by the order of sums: by this share of the largest of them. Kernels of a GPU round results to 16
/// bits, and a sum in another order may be rounded to the next number.
static constexpr double kLogitTolerance = 1e-3, kRoundedLogitTolerance = 3e-2;

static double logitTolerance(const plan::Plan &plan) {
  bool isRounded =
      plan.target()->device()->string_view() == "cuda" && plan.config()->compute_dtype() != plan::DType::f32;
  return isRounded ? kRoundedLogitTolerance : kLogitTolerance;
}

/// The GPU of a device "cuda:1".
static CudaProperties gpuOf(const Model &model) { return cudaProperties(cudaDeviceNumber(model.device().name())); }

Tuner::Tuner(PlanMaker maker, TunerOptions given) : makePlan(std::move(maker)), options(std::move(given)) {
  std::shared_ptr<const PlanFile> plan = makePlan(Json(), /*keepIr=*/true);
  isForCpu = plan->plan().target()->device()->string_view() == "cpu";
  subject = Json::parse(Insight::of(*plan).record()).at("tunable");
  const Json &features = subject.at("target").at("features");
  bool hasPairs = std::ranges::find(features, Json("avx512bf16")) != features.end();
  std::map<std::string, std::string> shapes;
  for (const Json &kernel : subject.at("kernels"))
    shapes[kernel.at("name")] = kernel.at("shape");
  for (const plan::Kernel *kernel : *plan->plan().kernels()) {
    std::string name = kernel->name()->str();
    // Kernels of other variants have other names, and are not tuned.
    auto shape = shapes.find(name);
    auto schedule = TunableSchedule::parse(kernel->schedule() ? kernel->schedule()->string_view() : "");
    if (!schedule || shape == shapes.end())
      continue;
    ScheduleNumbers chosen = schedule->numbers;
    schedule->runMultiple = hasPairs ? 2 : 1;
    schedule->isInBlocks = shape->second.find("!llama.block") != std::string::npos;
    kernels[name] = {std::move(*schedule), shape->second, std::move(chosen)};
  }
  steps = tunedSteps(plan->plan());
  std::string isa = plan->plan().target()->isa()->str();
  first = load(std::move(plan));
  if (!isForCpu && first->model().variantIsa() != isa)
    fail("quipu tune measures code for ", isa, ", and ", first->model().device().description(), " runs that for ",
         first->model().variantIsa(), "; give --target ", gpuOf(first->model()).bestTarget());
  firstLogits = first->logits();
}

std::unique_ptr<StepTimer> Tuner::load(std::shared_ptr<const PlanFile> plan) const {
  std::vector<BenchTest> tests;
  for (const TunedStep &step : steps)
    tests.push_back({.prompt = step.tokens, .depth = step.depth, .batch = step.sequences});
  ModelOptions given = benchModelOptions(options.model, options.weightsGiven, *plan, tests);
  return std::make_unique<StepTimer>(Model::load(std::move(plan), given), steps);
}

Tuner::Comparisons Tuner::compare(StepTimer &candidate, unsigned rounds) {
  // The first times are of cold caches, and say how often a step is repeated.
  first->measure();
  candidate.measure();
  Comparisons result;
  result.steps.resize(steps.size());
  for (unsigned round = 0; round < rounds; ++round) {
    StepTimer::Times before = first->measure(), after = candidate.measure();
    for (const auto &[name, kernel] : before.kernels) {
      result.kernels[name].add(kernel.seconds, after.kernels[name].seconds);
      result.stepOf[name] = kernel.step;
    }
    for (size_t i = 0; i < steps.size(); ++i)
      result.steps[i].add(before.steps[i], after.steps[i]);
  }
  return result;
}

void Tuner::note(const std::string &line) const {
  if (options.note)
    options.note(line);
}

Json Tuner::machine() const {
  if (isForCpu)
    return {{"cpu", cpuModelName()}, {"threads", first->model().device().threads()}, {"features", cpuFeatures()}};
  CudaProperties gpu = gpuOf(first->model());
  return {{"gpu", gpu.name},
          {"capability", gpu.capabilityText()},
          {"multiprocessors", gpu.multiprocessors},
          {"driver", cudaDriverText()}};
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
  file["machine"] = machine();
  file["steps"] = Json::array();
  for (const TunedStep &step : steps)
    file["steps"].push_back(
        {{"name", step.name}, {"sequences", step.sequences}, {"depth", step.depth}, {"tokens", step.tokens}});
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
  if (!(difference <= logitTolerance(candidate.model().plan()) * largest))
    fail("a plan with other schedules gives other logits: they differ by ", difference, ", of at most ", largest,
         "; please report it with this model");
}

static std::string percent(const Comparison &comparison) {
  return concat(fixed(100 * comparison.ratio(), 1), " % of the time, +- ", fixed(100 * comparison.spread(), 1));
}

void Tuner::judge(const ScheduleMove &move, const std::string &name, const ScheduleNumbers &numbers,
                  const Comparisons &measured) {
  auto found = measured.kernels.find(name);
  if (found == measured.kernels.end()) {
    if (unmeasured.insert(name).second)
      note(name + ": is not tuned, since no step of the search runs it");
    return;
  }
  Kernel &kernel = kernels[name];
  size_t step = measured.stepOf.at(name);
  const Comparison &comparison = move.isForOverlap ? measured.steps[step] : found->second;
  double &best = move.isForOverlap ? kernel.bestStep : kernel.best;
  bool isBetter = comparison.isBetterThan(best);
  std::string what =
      move.isForOverlap ? concat(name, " makes the step ", steps[step].name, " take ") : concat(name, " takes ");
  note(concat(move.name(), ": ", what, percent(comparison), isBetter ? ": kept" : ""));
  if (!isBetter)
    return;
  kernel.schedule.numbers = numbers;
  best = comparison.ratio();
}

void Tuner::tryMoves(const std::vector<ScheduleMove> &moves) {
  std::map<std::string, ScheduleNumbers> tried = tunedNumbers(), changed;
  std::map<std::string, const ScheduleMove *> moveOf;
  for (const ScheduleMove &move : moves)
    for (const auto &[name, kernel] : kernels)
      if (auto numbers = applyMove(move, kernel.schedule)) {
        tried[name] = changed[name] = *numbers;
        moveOf[name] = &move;
      }
  if (changed.empty())
    return;
  std::unique_ptr<StepTimer> candidate = load(makePlan(tuning(tried), /*keepIr=*/false));
  checkLogits(*candidate);
  Comparisons measured = compare(*candidate, options.rounds);
  for (const auto &[name, numbers] : changed)
    judge(*moveOf[name], name, numbers, measured);
}

void Tuner::confirm() {
  auto isTuned = [](const auto &entry) { return entry.second.schedule.numbers != entry.second.chosen; };
  if (std::ranges::none_of(kernels, isTuned))
    return;
  std::unique_ptr<StepTimer> candidate = load(makePlan(tuning(tunedNumbers()), /*keepIr=*/false));
  checkLogits(*candidate);
  Comparisons measured = compare(*candidate, 2 * options.rounds);
  for (auto &[name, kernel] : kernels) {
    if (kernel.schedule.numbers == kernel.chosen)
      continue;
    const Comparison &own = measured.kernels[name], &step = measured.steps[measured.stepOf[name]];
    bool isSlower = !isForCpu && step.ratio() - 1 > step.spread();
    // Of a kernel that was tuned for overlap alone the step is what became faster.
    const Comparison &comparison = kernel.bestStep < 1 && kernel.best == 1 ? step : own;
    if (!isSlower && comparison.isBetterThan(1)) {
      kernel.secondsBefore = comparison.before();
      kernel.secondsAfter = comparison.after();
      continue;
    }
    kernel.schedule.numbers = kernel.chosen;
    note(isSlower ? concat(name, ": dropped, since with all that was kept its step takes ", percent(step))
                  : concat(name, ": dropped, since together with the others it takes ", percent(comparison)));
  }
}

Json Tuner::run() {
  auto start = std::chrono::steady_clock::now();
  auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  const std::vector<std::vector<ScheduleMove>> candidates = isForCpu ? cpuCandidates() : cudaCandidates();
  size_t count = candidates.size();
  Progress progress("tune", count, Progress::Unit::Items, "candidate");
  double longest = 0;
  for (size_t i = 0; i < count; ++i) {
    double began = elapsed();
    // A candidate that would end behind the limit is not begun. One is always tried.
    if (i && began + longest > options.seconds) {
      note(concat("the time is over: ", i, " of ", count, " candidates were tried"));
      break;
    }
    tryMoves(candidates[i]);
    longest = std::max(longest, elapsed() - began);
    progress.add(1);
  }
  confirm();
  return tuning(tunedNumbers());
}

} // namespace quipu::tool
