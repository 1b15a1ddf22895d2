//===- ProfileTest.cpp - What profiles measure and say -----------------------------------===//

#include "runtime/core/Device.h"
#include "runtime/cpu/ThreadCounters.h"
#include "test/runtime/FakeCudaTest.h"
#include "tools/quipu/profile/Compare.h"
#include "tools/quipu/profile/ProfileJson.h"
#include "tools/quipu/profile/ProfileText.h"
#include "tools/quipu/profile/TraceFile.h"

#include <gmock/gmock.h>
#include <linux/perf_event.h>

#include <cerrno>
#include <map>

using namespace quipu;
using namespace quipu::test;
using namespace quipu::tool;
using Json = nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// Two threads and two launches in one observed run of 10 s: the second thread begins late and is slower.
StepTimes twoThreads() {
  StepTimes times;
  times.rows = {{{7, 1}}, 1};
  times.program = "decode";
  times.tracks = 2;
  times.onThreads = true;
  times.whole = {9.5};
  times.observed = {10};
  times.launches = {{"embed", "embed", "toy_embed", 0, {{0.5, 2}, {1, 3}}},
                    {"layers.1", "layers.{}", "toy_mix", 1, {{3.25, 8}, {3.5, 9}}}};
  return times;
}

StepProfile profileOf(std::span<const StepTimes> times, Steps steps) {
  std::vector<uint8_t> bytes = packPlan(toyPlan());
  return StepProfile::of(*plan::GetPlan(bytes.data()), times, steps);
}

} // namespace

// Test: on a CPU every second of an observed run is work of a launch or waiting, and it says which; imbalance is of the
// launch whose threads differ.
TEST(StepProfile, EverySecond) {
  StepTimes times = twoThreads();
  StepProfile profile = profileOf({&times, 1}, Steps::Together);
  ASSERT_EQ(profile.lines.size(), 2u);
  EXPECT_DOUBLE_EQ(profile.lines[0].seconds.median, (1.5 + 2) / 2);
  EXPECT_THAT(profile.lines[0].trackSeconds, ElementsAre(1.5, 2));
  EXPECT_DOUBLE_EQ(profile.lines[0].imbalance, 0.5);
  EXPECT_DOUBLE_EQ(profile.lines[1].seconds.median, (4.75 + 5.5) / 2);
  EXPECT_DOUBLE_EQ(profile.lines[1].imbalance, 0.5);
  EXPECT_EQ(profile.lines[1].place, "layers.*");
  EXPECT_DOUBLE_EQ(profile.waiting.imbalance, 1);
  EXPECT_DOUBLE_EQ(profile.waiting.barriers, (0.25 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(profile.waiting.edges, (0.5 + 1) / 2 + 1);
  EXPECT_DOUBLE_EQ(profile.waiting.overlap, 0);
  EXPECT_DOUBLE_EQ(profile.stepSeconds() + profile.waiting.total(), 10);
  EXPECT_DOUBLE_EQ(profile.whole.median, 9.5);
  EXPECT_DOUBLE_EQ(profile.observed.median, 10);
}

// Test: parts of a prompt add up; steps of generation are more runs of one, whose work is the mean of theirs.
TEST(StepProfile, TogetherAndAlike) {
  StepTimes one = twoThreads(), two = twoThreads();
  two.whole = {11.5};
  two.rows.outputs = 0;
  two.launches[0].counts = {2, 4, 6};
  StepTimes both[] = {one, two};
  StepProfile together = profileOf(both, Steps::Together);
  EXPECT_EQ(together.rows, 2u);
  EXPECT_EQ(together.outputs, 1u);
  EXPECT_EQ(together.runs, 1u);
  EXPECT_EQ(together.lines[0].launches, 2u);
  EXPECT_DOUBLE_EQ(together.lines[0].seconds.median, 3.5);
  EXPECT_DOUBLE_EQ(together.whole.median, 21);
  EXPECT_THAT(together.lines[0].counts, ElementsAre(2, 4, 6));
  EXPECT_THAT(together.programs, ElementsAre("decode"));

  StepProfile alike = profileOf(both, Steps::Alike);
  EXPECT_EQ(alike.rows, 1u);
  EXPECT_EQ(alike.runs, 2u);
  EXPECT_EQ(alike.lines[0].launches, 1u);
  EXPECT_DOUBLE_EQ(alike.lines[0].seconds.median, 1.75);
  EXPECT_DOUBLE_EQ(alike.whole.median, 10.5);
  EXPECT_DOUBLE_EQ(alike.whole.max, 11.5);
  EXPECT_THAT(alike.lines[0].counts, ElementsAre(1, 2, 3));
}

// Test: on a GPU waiting is what the step saves where launches may overlap.
TEST(StepProfile, Overlap) {
  StepTimes times;
  times.rows = {{{0, 1}}, 1};
  times.launches = {{"embed", "embed", "toy_embed", 0, {{0, 3}, {0, 5}, {0, 4}}},
                    {"layers.0", "layers.{}", "toy_append", 1, {{4, 5}, {6, 7}, {5, 7}}},
                    {"layers.1", "layers.{}", "toy_append", 1, {{6, 7}, {8, 10}, {8, 11}}}};
  times.whole = {5, 6, 7};
  times.apart = {8, 7, 8};
  times.observed = {7, 10, 11};
  StepProfile profile = profileOf({&times, 1}, Steps::Together);
  ASSERT_EQ(profile.lines.size(), 2u);
  EXPECT_EQ(profile.lines[1].launches, 2u);
  EXPECT_DOUBLE_EQ(profile.lines[1].seconds.min, 2);
  EXPECT_DOUBLE_EQ(profile.lines[1].seconds.median, 3);
  EXPECT_DOUBLE_EQ(profile.lines[1].seconds.max, 5);
  EXPECT_DOUBLE_EQ(profile.whole.median, 6);
  EXPECT_DOUBLE_EQ(profile.waiting.overlap, -2);
  EXPECT_DOUBLE_EQ(profile.waiting.total(), -2);
}

// ---------------------------------------------------------------- whole profiles

namespace {

class FixedCeilings : public Ceilings {
public:
  CeilingRates measure() override {
    ++measurements;
    return {bytes(), operations()};
  }
  double bytes() const override { return 1e9; }
  double operations() const override { return 1e12; }
  const char *bytesName() const override { return "read"; }
  std::string operationsName() const override { return "add"; }

  unsigned measurements = 0;
};

class ProfileTest : public FakeCudaTest {
protected:
  Profile measure(const std::shared_ptr<const Model> &model, const BenchTest &test, uint32_t chunk = 0) {
    ProfilerOptions options;
    options.test = test;
    options.repeats = 3;
    options.chunk = chunk;
    FixedCeilings ceilings;
    Progress progress("measure", profiledSteps(*model, options), Progress::Unit::Items, "step");
    Profile profile = profileModel(model, ceilings, options, "toy.plan", progress);
    EXPECT_EQ(progress.done(), progress.total);
    EXPECT_GE(ceilings.measurements, 2u);
    EXPECT_LE(ceilings.measurements, 3u);
    return profile;
  }

  std::shared_ptr<const Model> cpuModel() {
    plan::PlanT plan = toyPlan(folder);
    plan.config->name = "toy";
    plan.kernels[1]->weight_bytes = 1000;
    plan.kernels[1]->cache_bytes_per_key = 64;
    plan.kernels[1]->flops_per_key = 32;
    ModelOptions options;
    options.threads = 2;
    return Model::load(writeToyPlan(folder, plan, "cpu.plan"), options);
  }
};

Json stepOf(const Json &profile, const std::string &name) {
  for (const Json &step : profile["steps"])
    if (step["name"] == name)
      return step;
  ADD_FAILURE() << name << " in " << profile.dump(2);
  return profile;
}

} // namespace

// Test: JSON has the promised fields; what it says of a step follows from its time, its work and the ceilings; steps
// are sorted by what they lose.
TEST_F(ProfileTest, Json) {
  for (BenchTest test : {BenchTest{0, 3, 4, 2}, BenchTest{20, 0, 5, 1}}) {
    Json profile = profileJson(measure(cpuModel(), test));
    SCOPED_TRACE(profile.dump(2));
    EXPECT_EQ(profile["name"], test.name());
    EXPECT_EQ(profile["runs"], test.prompt ? 3 : 9);
    EXPECT_EQ(profile["rows"], test.prompt ? 20 : 2);
    EXPECT_EQ(profile["threads"], 2);
    EXPECT_EQ(profile["ceiling_GBps"], 1.0);
    EXPECT_EQ(profile["ceiling_TFLOPs"], 1.0);
    double before = INFINITY, steps = 0;
    for (const Json &step : profile["steps"]) {
      double median = step["us_median"], bytes = step["bytes"], flops = step["flops"];
      EXPECT_LE(step["us_min"], median);
      EXPECT_LE(median, step["us_max"]);
      EXPECT_NEAR(step["GBps"].get<double>(), bytes / median / 1e3, 1e-9 * bytes);
      EXPECT_EQ(step["thread_us"].size(), 2u);
      EXPECT_GE(step["imbalance_us"], 0.0);
      double lost = median;
      ASSERT_EQ(step["lost_us"].is_null(), bytes + flops == 0);
      if (bytes + flops > 0) {
        lost -= std::max(bytes / 1e3, flops / 1e6);
        EXPECT_NEAR(step["lost_us"].get<double>(), lost, 1e-6);
      }
      EXPECT_LE(lost, before);
      before = lost;
      steps += median;
    }
    EXPECT_NEAR(profile["steps_us"].get<double>(), steps, 1e-6);
    const Json &waiting = profile["waiting"];
    EXPECT_NEAR(waiting["imbalance_us"].get<double>() + waiting["barriers_us"].get<double>() +
                    waiting["edges_us"].get<double>(),
                profile["waiting_us"].get<double>(), 1e-6);
    const Json &mix = stepOf(profile, "toy_mix");
    // The mean of the three steps of generation; the sum of the launches of the prompt: 12 and 8 rows.
    EXPECT_EQ(mix["count"], test.prompt ? 2 * kToyLayers : kToyLayers);
    EXPECT_EQ(mix["bytes"], kToyLayers * (test.prompt ? 2 * 1000 + 64.0 * (17 + 25) : 1000 + 64.0 * 2 * 6));
    EXPECT_EQ(mix.contains("cycles"), profile["counters"].is_null());

    std::string text = profileText(profile);
    EXPECT_THAT(text, HasSubstr(test.prompt ? "pp20@d5, 2 threads: a prompt of 20 rows"
                                            : "tg3@d4 b2, 2 threads: a step of 2 rows"));
    EXPECT_THAT(text, HasSubstr("| toy_mix | layers.* |"));
    EXPECT_THAT(text, HasSubstr("| · for slower threads |"));
  }
}

// Test: a prompt is divided as asked for, and all of it is measured, of several sequences too.
TEST_F(ProfileTest, Chunks) {
  auto model = cpuModel();
  for (BenchTest test : {BenchTest{10, 0, 0, 1}, BenchTest{10, 0, 3, 2}}) {
    Profile profile = measure(model, test, 4);
    uint64_t rows = 0, outputs = 0;
    for (const StepTimes &times : profile.times) {
      EXPECT_LE(rowsOf(times.rows), 4u);
      rows += rowsOf(times.rows);
      outputs += times.rows.outputs;
    }
    EXPECT_EQ(rows, 10u * test.batch);
    EXPECT_EQ(outputs, test.batch);
    EXPECT_EQ(profile.steps.rows, rows);
    EXPECT_EQ(profile.times.back().rows.sequences.back().position + profile.times.back().rows.sequences.back().count,
              test.depth + 10u);
  }
}

// Test: on the fake GPU each launch takes a millisecond, so nothing overlaps, and a time line has one stream.
TEST_F(ProfileTest, Cuda) {
  Json profile = profileJson(measure(Model::load(cudaPlan()), {0, 2, 3, 1}));
  EXPECT_NEAR(profile["total_us"].get<double>(), 1000.0 * (2 + 2 * kToyLayers), 0.1);
  EXPECT_NEAR(profile["steps_us"].get<double>(), 1000.0 * (2 + 2 * kToyLayers), 0.1);
  EXPECT_NEAR(profile["waiting"]["overlap_us"].get<double>(), 0, 0.1);
  EXPECT_FALSE(profile["steps"][0].contains("thread_us"));
  EXPECT_THAT(profile["counters"].get<std::string>(), HasSubstr("ncu"));
  EXPECT_THAT(profileText(profile), HasSubstr("No hardware counters: a GPU's"));
}

// ---------------------------------------------------------------- traces

// Test: a trace is JSON with a named track for the runs and for each thread; slices of a track do not overlap, and name
// place, kernel, program and work.
TEST_F(ProfileTest, Trace) {
  auto model = cpuModel();
  Profile profile = measure(model, {0, 2, 4, 1});
  std::string text;
  writeTrace(model->plan(), profile, [&](std::string_view part) { text += part; });
  Json trace = Json::parse(text);
  std::map<int, std::string> names;
  std::map<int, double> ends;
  std::map<int, size_t> slices;
  for (const Json &event : trace["traceEvents"]) {
    int track = event["tid"];
    if (event["ph"] == "M") {
      if (event["name"] == "thread_name")
        names[track] = event["args"]["name"];
      continue;
    }
    ASSERT_EQ(event["ph"], "X");
    EXPECT_GE(event["ts"].get<double>(), ends[track] - 1e-3) << event;
    ends[track] = event["ts"].get<double>() + event["dur"].get<double>();
    ++slices[track];
    if (event["name"] == "layers.3" && event["args"]["kernel"] == "toy_mix") {
      EXPECT_EQ(event["args"]["program"], "decode");
      EXPECT_GT(event["args"]["bytes"], 1000 + 64 * 4);
    }
  }
  EXPECT_EQ(names, (std::map<int, std::string>{{0, "runs"}, {1, "thread 0"}, {2, "thread 1"}}));
  EXPECT_EQ(slices[0], 2u * 3u);
  EXPECT_EQ(slices[1], 2u * 3u * (2 + 2 * kToyLayers));
  EXPECT_EQ(slices[2], slices[1]);
}

// ---------------------------------------------------------------- comparisons

namespace {
NamedProfile named(const std::string &name, const std::vector<std::pair<std::string, double>> &places) {
  Json profile = {
      {"name", "tg4"},   {"prompt", 0},     {"generated", 4},        {"depth", 0},          {"batch", 1},
      {"model", "toy"},  {"dtype", "f32"},  {"device", "abacus"},    {"ceiling_GBps", 1.0}, {"waiting_us", 1.0},
      {"steps_us", 0.0}, {"total_us", 5.0}, {"steps", Json::array()}};
  for (const auto &[place, time] : places)
    profile["steps"].push_back({{"place", place}, {"us_median", time}});
  return {name, profile};
}
} // namespace

// Test: entries at a place are added up, what only one has stands alone, and the greatest difference comes first.
TEST(CompareProfiles, Places) {
  Json json = compareProfiles(named("a.json", {{"head", 3}, {"layers.*.mlp", 5}, {"layers.*.mlp", 1}, {"old", 0.5}}),
                              named("b.json", {{"layers.*.mlp", 9}, {"head", 2}, {"new", 0.25}}));
  std::vector<std::string> places;
  for (const Json &place : json["places"])
    places.push_back(place["place"]);
  EXPECT_THAT(places, ElementsAre("layers.*.mlp", "head", "old", "new"));
  EXPECT_EQ(json["places"][0]["us_a"], 6.0);
  EXPECT_EQ(json["places"][0]["difference_us"], 3.0);
  EXPECT_EQ(json["places"][0]["ratio"], 1.5);
  EXPECT_TRUE(json["places"][2]["us_b"].is_null());
  EXPECT_TRUE(json["places"][2]["ratio"].is_null());
  EXPECT_EQ(json["places"][2]["difference_us"], -0.5);
  EXPECT_EQ(json["total"]["ratio"], 1.0);
  std::string text = comparisonText(json);
  EXPECT_THAT(text, HasSubstr("| layers.*.mlp | 6.0 | 9.0 | +3.0 | 1.50 |"));
  EXPECT_THAT(text, HasSubstr("| new | - | 0.2 | +0.2 | - |"));
}

// Test: profiles of other work are refused; another number of steps is no other work.
TEST(CompareProfiles, Kinds) {
  NamedProfile a = named("a.json", {{"head", 3}}), b = named("b.json", {{"head", 3}});
  b.profile["generated"] = 9;
  EXPECT_EQ(compareProfiles(a, b)["places"].size(), 1u);
  b.profile["generated"] = 0;
  b.profile["prompt"] = 8;
  b.profile["name"] = "pp8";
  EXPECT_EQ(
      errorOf([&] { compareProfiles(a, b); }),
      "a.json is a profile of tg4, b.json of pp8: their steps do different work; profile both with the same -p or "
      "-n, -d and -b");
  b = named("b.json", {});
  b.profile["depth"] = 3;
  EXPECT_NE(errorOf([&] { compareProfiles(a, b); }), "");
}

// ---------------------------------------------------------------- counters

// Test: a thread counts what it does. A clock of software stands for counters of hardware, which machines may lack.
TEST(ThreadCounters, Counts) {
  ThreadCounters counters;
  const CounterEvent events[] = {{PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK}};
  if (int error = counters.open(events))
    GTEST_SKIP() << counterProblem(error);
  ThreadCounters::Reading before = counters.read();
  std::vector<char> pages(16 << 20, 1);
  ThreadCounters::Reading after = counters.read();
  EXPECT_GT(after.values[0], before.values[0]);
  EXPECT_EQ(after.values[1], 0u);
  EXPECT_GT(after.enabled, 0u);
  EXPECT_GT(after.running, 0u);
  EXPECT_EQ(ThreadCounters().read().enabled, 0u);
}

// Test: a refusal leaves nothing open, and a message says what it means.
TEST(ThreadCounters, Refusals) {
  ThreadCounters counters;
  const CounterEvent unknown[] = {{PERF_TYPE_SOFTWARE, 12345}};
  EXPECT_NE(counters.open(unknown), 0);
  EXPECT_EQ(counters.read().enabled, 0u);
  EXPECT_THAT(counterProblem(ENOENT, "2"), HasSubstr("this machine has none"));
  EXPECT_THAT(counterProblem(EACCES, "4"), HasSubstr("kernel.perf_event_paranoid is 4"));
  EXPECT_THAT(counterProblem(EPERM, ""), HasSubstr("an administrator can"));
  EXPECT_THAT(counterProblem(ENOSYS, "2"), HasSubstr("no perf_event_open"));
  EXPECT_THAT(counterProblem(EMFILE, "2"), HasSubstr("Too many open files"));
}
