//===- BenchTest.cpp - What bench measures, counts and says ------------------------------===//

#include "tools/quipu/bench/Bench.h"
#include "test/runtime/FakeCudaTest.h"
#include "tools/quipu/bench/Report.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>

using namespace quipu;
using namespace quipu::test;
using namespace quipu::tool;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// ---------------------------------------------------------------- numbers

TEST(BenchStatistics, OddAndEven) {
  Statistics odd = Statistics::of({3, 1, 8});
  EXPECT_DOUBLE_EQ(odd.mean, 4);
  EXPECT_DOUBLE_EQ(odd.median, 3);
  EXPECT_DOUBLE_EQ(odd.min, 1);
  EXPECT_DOUBLE_EQ(odd.max, 8);
  EXPECT_DOUBLE_EQ(odd.deviation, std::sqrt(13.0));
  EXPECT_DOUBLE_EQ(odd.scatter(), 7.0 / 3);
  EXPECT_DOUBLE_EQ(Statistics::of({10, 1, 2, 4}).median, 3);
  EXPECT_DOUBLE_EQ(Statistics::of({5}).deviation, 0);
  EXPECT_DOUBLE_EQ(Statistics::of({}).scatter(), 0);
}

// Test: every combination of the lists, and names that tell them apart.
TEST(BenchTests, EveryCombination) {
  BenchLists lists = {{8, 0}, {4}, {0, 16}, {1, 2}, {{8, 4}}};
  std::vector<std::string> names;
  for (const BenchTest &test : testsOf(lists))
    names.push_back(test.name());
  EXPECT_THAT(names, ElementsAre("pp8", "tg4", "pp8+tg4", "pp8@d16", "tg4@d16", "pp8+tg4@d16", "pp8 b2", "tg4 b2",
                                 "pp8+tg4 b2", "pp8@d16 b2", "tg4@d16 b2", "pp8+tg4@d16 b2"));
  EXPECT_EQ(testsOf({{0}, {0}, {0}, {1}, {}}).size(), 0u);
  std::vector<BenchTest> scores = testsOf({{0}, {0}, {4}, {2}, {}, {8}});
  ASSERT_EQ(scores.size(), 1u);
  EXPECT_EQ(scores[0].name(), "sc8@d4 b2");
  EXPECT_EQ(scores[0].tokens(), 16u);
  EXPECT_EQ(scores[0].positions(), 12u);
}

static BenchRow rowOf(const std::vector<double> &runs) {
  BenchRow row;
  row.test = {512, 0, 0, 1};
  row.runs = runs;
  row.rate = Statistics::of(runs);
  return row;
}

// Test: runs that lie more than a tenth of their median apart are warned of, with what they were.
TEST(BenchTests, ScatterWarning) {
  EXPECT_EQ(scatterWarning(rowOf({100, 105, 110})), "");
  std::string warning = scatterWarning(rowOf({100, 104, 120}));
  EXPECT_THAT(warning, HasSubstr("warning: pp512: the runs scatter by 19 % (100.0 to 120.0 tok/s)"));
}

// Test: counts of keys agree with counting them one by one.
TEST(BenchWork, Keys) {
  for (uint64_t window : {0u, 1u, 3u, 7u, 100u})
    for (uint64_t position : {0u, 1u, 2u, 6u, 7u, 20u})
      for (uint64_t count : {0u, 1u, 2u, 5u, 12u}) {
        uint64_t seen = 0;
        std::vector<bool> read(position + count);
        for (uint64_t row = position; row < position + count; ++row)
          for (uint64_t key = 0; key <= row; ++key)
            if (window == 0 || key + window > row) {
              ++seen;
              read[key] = true;
            }
        EXPECT_EQ(keysSeen({position, count}, window), double(seen)) << window << " " << position << " " << count;
        EXPECT_EQ(keysRead({position, count}, window), double(std::count(read.begin(), read.end(), true)))
            << window << " " << position << " " << count;
      }
}

// Test: prompts of several sequences share launches, and each gives logits where it ends, or everywhere if it is
// scored.
TEST(BenchWork, Launches) {
  auto describe = [](const std::vector<LaunchRows> &launches) {
    std::ostringstream text;
    for (const LaunchRows &launch : launches) {
      for (const SequenceRows &rows : launch.sequences)
        text << rows.position << "+" << rows.count << " ";
      text << "(" << launch.outputs << ") ";
    }
    return text.str();
  };
  EXPECT_EQ(describe(launchesOf(2, 10, 5, 4)), "10+4 (0) 14+1 10+3 (1) 13+2 (1) ");
  EXPECT_EQ(describe(launchesOf(2, 10, 5, 4, /*scored=*/true)), "10+4 (4) 14+1 10+3 (4) 13+2 (2) ");
}

namespace {

/// The toy plan, with work: the layers' kernel is attention that also has a weight.
void addWork(plan::PlanT &plan) {
  plan.config->name = "a \"toy\", small";
  plan.kernels[1]->weight_bytes = 1000;
  plan.kernels[1]->flops_per_row = 500;
  plan.kernels[1]->cache_bytes_per_key = 64;
  plan.kernels[1]->flops_per_key = 32;
  for (size_t logits : {2, 3}) {
    plan.kernels[logits]->rows = plan::RowDim::outputs;
    plan.kernels[logits]->weight_bytes = 2000;
    plan.kernels[logits]->flops_per_row = 4000;
  }
}

class FixedCeilings : public Ceilings {
public:
  explicit FixedCeilings(double operations) : arithmetic(operations) {}
  CeilingRates measure() override { return {bytes(), operations()}; }
  double bytes() const override { return 1e9; }
  double operations() const override { return arithmetic; }
  const char *bytesName() const override { return "read"; }
  std::string operationsName() const override { return "add"; }

private:
  double arithmetic;
};

class BenchRunTest : public FakeCudaTest {
protected:
  std::vector<BenchResult> run(const std::shared_ptr<const Model> &model, const BenchOptions &options,
                               double operations = 1e12) {
    std::vector<BenchTest> tests = testsOf(options.lists);
    Bench bench(model, std::make_unique<FixedCeilings>(operations), tests, options);
    Progress progress("measure", tests.size() * options.repeats, Progress::Unit::Items, "run");
    std::vector<BenchRow> rows;
    for (const BenchTest &test : tests)
      rows.push_back(bench.run(test, progress));
    EXPECT_EQ(progress.done(), progress.total);
    std::vector<BenchResult> results;
    for (const BenchRow &row : rows)
      results.push_back({bench.setting("toy.plan"), row});
    return results;
  }

  std::shared_ptr<const Model> cpuModel(unsigned threads = 2) {
    plan::PlanT plan = toyPlan(folder);
    addWork(plan);
    ModelOptions options;
    options.threads = threads;
    return Model::load(writeToyPlan(folder, plan, "cpu.plan"), options);
  }
};

/// A ceiling of 0 was not measured, and is not named.
void expectCeiling(const json &object, double operations) {
  ASSERT_EQ(object.contains("ceiling_TFLOPs"), operations > 0);
  if (operations > 0)
    EXPECT_DOUBLE_EQ(object["ceiling_TFLOPs"], operations / 1e12);
}

/// Lines add up to what is said of their sum, and parts of waiting to all of it.
void expectSums(const json &profile) {
  double steps = 0, waiting = 0;
  for (const json &step : profile["steps"])
    steps += step["us_median"].get<double>();
  for (const json &part : profile["waiting"])
    waiting += part.get<double>();
  EXPECT_NEAR(steps, profile["steps_us"].get<double>(), 1e-9 * steps);
  EXPECT_NEAR(waiting, profile["waiting_us"].get<double>(), 1e-6);
}

/// The whole is a step of the row: its least is no more than some times that of the best run, whatever else the machine
/// does.
void expectStepOf(const json &profile, const json &row) {
  std::vector<double> runs = row["runs_tok_s"];
  double step = profile["rows"].get<double>() * 1e6 / *std::max_element(runs.begin(), runs.end());
  EXPECT_GT(profile["total_us_min"], 0);
  EXPECT_LT(profile["total_us_min"], step * 3);
}

} // namespace

// Test: the work of a row is what its launches state, for each token; attention's counts the keys at its depth.
TEST_F(BenchRunTest, Work) {
  BenchOptions options;
  options.lists = {{6}, {4}, {0, 10}, {1, 2}, {{6, 4}}};
  options.repeats = 3;
  std::vector<BenchResult> results = run(cpuModel(), options);
  ASSERT_EQ(results.size(), 12u);
  for (const BenchResult &result : results) {
    const BenchRow &row = result.row;
    EXPECT_EQ(row.runs.size(), 3u);
    double bytes = 0, operations = 0;
    // One launch for a prompt of up to 12 rows.
    if (row.test.prompt) {
      bytes += kToyLayers * (1000 + 64.0 * row.test.batch * (row.test.depth + 6)) + 2000;
      operations += row.test.batch * (kToyLayers * (6 * 500 + 32 * (6.0 * row.test.depth + 21)) + 4000);
    }
    for (uint32_t i = 0; i < row.test.generated; ++i) {
      double keys = row.test.depth + row.test.prompt + i + 1;
      bytes += kToyLayers * (1000 + 64 * row.test.batch * keys) + 2000;
      operations += row.test.batch * (kToyLayers * (500 + 32 * keys) + 4000);
    }
    EXPECT_DOUBLE_EQ(row.work.bytes(), bytes / double(row.test.tokens())) << row.test.name();
    EXPECT_DOUBLE_EQ(row.work.operations, operations / double(row.test.tokens())) << row.test.name();
    // Of the test of both, reading takes longer at these ceilings.
    EXPECT_EQ(row.isMemoryBound, row.test.generated > 0) << row.test.name();
    EXPECT_FALSE(row.profile.has_value());
  }
}

namespace {

/// The first pass reaches 1, later ones 2, 4, 8 and so on.
class DoublingCeilings : public Ceilings {
public:
  CeilingRates measure() override { return {rate = rate == 0 ? 1 : 2 * rate, 0}; }
  double bytes() const override { return rate; }
  double operations() const override { return 0; }
  const char *bytesName() const override { return "read"; }
  std::string operationsName() const override { return "add"; }

private:
  double rate = 0;
};

} // namespace

// Test: each run stands beside the better of the ceilings around it, and the median of these counts. Without a ceiling
// nothing is said.
TEST_F(BenchRunTest, OfCeilingsAroundARun) {
  BenchOptions options;
  options.lists = {{6}, {4}, {0}, {1}, {}};
  options.repeats = 3;
  std::vector<BenchTest> tests = testsOf(options.lists);
  Bench bench(cpuModel(1), std::make_unique<DoublingCeilings>(), tests, options);
  Progress progress("measure", tests.size() * options.repeats, Progress::Unit::Items, "run");
  BenchRow prompt = bench.run(tests[0], progress), generation = bench.run(tests[1], progress);
  EXPECT_FALSE(prompt.ofCeiling.has_value());
  ASSERT_TRUE(generation.ofCeiling.has_value());
  // The prompt took four passes. The three runs lie between the fifth and the eighth.
  std::vector<double> shares;
  for (size_t i = 0; i < 3; ++i)
    shares.push_back(generation.work.bytes() * generation.runs[i] / (32 << i));
  std::sort(shares.begin(), shares.end());
  EXPECT_DOUBLE_EQ(*generation.ofCeiling, shares[1]);
}

// Test: a profile has a line for each entry and place, its whole takes as long as the row says, and attention is rated
// by the keys that it reads.
TEST_F(BenchRunTest, CpuProfile) {
  BenchOptions options;
  options.lists = {{6}, {4}, {10}, {1}, {{6, 4}}};
  options.profile = true;
  options.repeats = 4;
  json rows = json::parse(benchJson(run(cpuModel(1), options)));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_FALSE(rows[2].contains("profile"));
  for (size_t i : {0, 1}) {
    const json &profile = rows[i]["profile"];
    SCOPED_TRACE(profile.dump(2));
    expectSums(profile);
    EXPECT_LE(profile["total_us_min"], profile["total_us"]);
    EXPECT_GE(profile["total_us_max"], profile["total_us"]);
    expectStepOf(profile, rows[i]);
    EXPECT_EQ(profile["rows"], i == 0 ? 6 : 1);
    EXPECT_EQ(profile["outputs"], 1);
    EXPECT_EQ(profile["ceiling_GBps"], 1.0);
    EXPECT_EQ(profile["ceiling_TFLOPs"], 1.0);
    EXPECT_EQ(profile["device"], rows[i]["device"]);
    ASSERT_EQ(profile["steps"].size(), 4u);
    for (const json &step : profile["steps"]) {
      EXPECT_GT(step["us_min"], 0.0);
      EXPECT_LE(step["us_min"], step["us_median"]);
      EXPECT_LE(step["us_median"], step["us_max"]);
    }
    // Of a kernel's entries the last one does the work.
    const json &append = profile["steps"][1], &mix = profile["steps"][2];
    EXPECT_EQ(append["name"], "toy_append");
    EXPECT_EQ(append["bytes"], 0.0);
    EXPECT_EQ(mix["name"], "toy_mix");
    EXPECT_EQ(mix["place"], "layers.*");
    EXPECT_EQ(mix["kernel"], "layer");
    EXPECT_EQ(mix["count"], kToyLayers);
    double bytes = kToyLayers * (1000 + 64.0 * (i == 0 ? 16 : 11));
    double operations = kToyLayers * (i == 0 ? 6 * 500 + 32 * (6 * 10 + 21.0) : 500 + 32 * 11.0);
    EXPECT_EQ(mix["bytes"], bytes);
    EXPECT_EQ(mix["flops"], operations);
    double seconds = mix["us_median"].get<double>() / 1e6;
    EXPECT_NEAR(mix["GBps"].get<double>(), bytes / seconds / 1e9, 1e-9 * bytes / seconds);
    EXPECT_NEAR(mix["TFLOPs"].get<double>(), operations / seconds / 1e12, 1e-9);
    EXPECT_NEAR(mix["of_ceiling"].get<double>(), bytes / 1e9 / seconds, 1e-9 * bytes);
  }
}

// Test: on a GPU the whole is timed beside its launches, with and without clock of its arithmetic.
TEST_F(BenchRunTest, CudaProfile) {
  BenchOptions options;
  options.lists = {{8}, {4}, {0, 6}, {1, 2}, {{8, 4}}};
  options.profile = true;
  options.repeats = 2;
  auto model = Model::load(cudaPlan(addWork));
  for (double operations : {0.0, 3e12}) {
    json rows = json::parse(benchJson(run(model, options, operations)));
    ASSERT_EQ(rows.size(), 12u);
    for (const json &row : rows) {
      SCOPED_TRACE(row.dump(2));
      EXPECT_EQ(row["threads"], 0);
      EXPECT_EQ(row["target"], "cuda:sm_90a");
      EXPECT_GT(row["device_memory_used"], 0);
      expectCeiling(row, operations);
      if (row["prompt"] != 0 && row["generated"] != 0)
        continue;
      const json &profile = row["profile"];
      expectSums(profile);
      // The fake device takes a millisecond for a launch, whatever is around it.
      EXPECT_NEAR(profile["total_us"].get<double>(), 1000.0 * (2 + 2 * kToyLayers), 0.1);
      EXPECT_NEAR(profile["waiting_us"].get<double>(), 0, 0.1);
      EXPECT_NEAR(profile["steps"][2]["us_median"].get<double>(), 1000.0 * kToyLayers, 0.1);
      expectCeiling(profile, operations);
    }
  }
}

// Test: of a kernel's entries the one with its name does the work, else the last.
TEST(BenchProfile, WorkingEntry) {
  plan::PlanT plan = toyPlan();
  plan::KernelT &kernel = *plan.kernels[1];
  kernel.weight_bytes = 100;
  auto bytesOfEntries = [&](const std::string &name) {
    kernel.name = name;
    kernel.entries.clear();
    StepTimes times;
    times.rows = {{{0, 1}}, 1};
    times.whole = times.observed = {3};
    for (const char *symbol : {"head.quantize", "head", "head.choice"}) {
      kernel.entries.push_back(std::make_unique<plan::EntryT>());
      kernel.entries.back()->symbol = symbol;
      kernel.entries.back()->grid = std::make_unique<plan::GridT>();
      times.launches.push_back({"head", "head", symbol, 1, {{0, 1}}});
    }
    std::vector<uint8_t> packed = packPlan(plan);
    std::vector<double> bytes;
    for (const ProfileLine &line : StepProfile::of(*plan::GetPlan(packed.data()), {&times, 1}, Steps::Together).lines)
      bytes.push_back(line.work.bytes());
    return bytes;
  };
  EXPECT_THAT(bytesOfEntries("head"), ElementsAre(0, 100, 0));
  EXPECT_THAT(bytesOfEntries("other"), ElementsAre(0, 0, 100));
}

// ---------------------------------------------------------------- reports

/// The fields of a line of CSV.
static std::vector<std::string> csvFields(const std::string &line) {
  std::vector<std::string> fields(1);
  bool isQuoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && isQuoted && line[i + 1] == '"')
      fields.back() += line[i++];
    else if (line[i] == '"')
      isQuoted = !isQuoted;
    else if (line[i] == ',' && !isQuoted)
      fields.emplace_back();
    else
      fields.back() += line[i];
  }
  EXPECT_FALSE(isQuoted) << line;
  return fields;
}

// Test: JSON and CSV have the same fields with the same values; the median stands beside the mean everywhere.
TEST_F(BenchRunTest, Reports) {
  BenchOptions options;
  options.lists = {{6}, {}, {2}, {2}, {}};
  options.repeats = 3;
  std::vector<BenchResult> results = run(cpuModel(1), options, 2e12);
  results[0].row.runs = {100, 110, 150};
  results[0].row.rate = Statistics::of(results[0].row.runs);
  results[0].row.ofCeiling = 0.875;
  json rows = json::parse(benchJson(results));
  ASSERT_EQ(rows.size(), 1u);
  const json &row = rows[0];
  EXPECT_EQ(row["name"], "pp6@d2 b2");
  EXPECT_DOUBLE_EQ(row["tok_s"], 120);
  EXPECT_EQ(row["median_tok_s"], 110.0);
  EXPECT_EQ(row["runs_tok_s"], json({100.0, 110.0, 150.0}));
  EXPECT_DOUBLE_EQ(row["scatter"], 50.0 / 110);
  EXPECT_EQ(row["repeats"], 3);
  EXPECT_EQ(row["prompt"], 6);
  EXPECT_EQ(row["generated"], 0);
  EXPECT_EQ(row["depth"], 2);
  EXPECT_EQ(row["batch"], 2);
  EXPECT_EQ(row["threads"], 1);
  EXPECT_EQ(row["target"], "cpu:x86_64");
  EXPECT_EQ(row["dtype"], "f32");
  EXPECT_EQ(row["model"], "a \"toy\", small");
  EXPECT_THAT(row["version"].get<std::string>(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(row["commit"].get<std::string>(), testing::MatchesRegex("[0-9a-f]+\\+?|unknown"));
  EXPECT_EQ(row["ceiling_GBps"], 1.0);
  EXPECT_EQ(row["ceiling_TFLOPs"], 2.0);
  EXPECT_DOUBLE_EQ(row["achieved_GBps"], row["bytes_per_token"].get<double>() * 120 / 1e9);
  EXPECT_DOUBLE_EQ(row["achieved_TFLOPs"], row["flops_per_token"].get<double>() * 120 / 1e12);
  EXPECT_EQ(row["of_ceiling"], 0.875);
  EXPECT_EQ(row["bound"], "compute");

  std::istringstream csv(benchCsv(results));
  std::string header, line, more;
  std::getline(csv, header);
  std::getline(csv, line);
  EXPECT_FALSE(std::getline(csv, more));
  std::vector<std::string> names = csvFields(header), values = csvFields(line);
  ASSERT_EQ(names.size(), values.size());
  size_t filled = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == "runs_tok_s")
      EXPECT_EQ(values[i], "100.0 110.0 150.0");
    else if (row.contains(names[i]))
      EXPECT_EQ(row[names[i]].is_string() ? row[names[i]].get<std::string>() : row[names[i]].dump(), values[i]);
    else
      EXPECT_EQ(values[i], "") << names[i];
    filled += row.contains(names[i]);
  }
  EXPECT_EQ(filled, row.size());

  std::string table = benchMarkdown(results);
  EXPECT_THAT(table, HasSubstr("| t/s | median |"));
  EXPECT_THAT(table, HasSubstr("| pp6@d2 b2 | 120.00 ± 26.46 | 110.00 |"));
  EXPECT_THAT(table, HasSubstr("| 87.5 % |"));
  EXPECT_THAT(table, HasSubstr("read ceiling 1.0 GB/s, add ceiling 2.000 TFLOP/s"));
}

// Test: what the plan or the model has no room for is refused.
TEST_F(BenchRunTest, Refusals) {
  plan::PlanT plan = toyPlan(folder);
  auto file = PlanFile::open(writeToyPlan(folder, plan));
  EXPECT_THAT(errorOf([&] { checkTests(*file, testsOf({{8}, {8}, {1}, {1, 4}, {}})); }),
              HasSubstr("was compiled for 3 sequences at once, --batch asks for 4"));
  EXPECT_THAT(errorOf([&] { checkTests(*file, testsOf({{8}, {8}, {0, 12}, {1}, {{11, 8}}})); }),
              HasSubstr("was compiled for 30 positions, the run needs 31"));
  EXPECT_EQ(cacheTokensOf(*plan::GetPlan(packPlan(plan).data()), testsOf({{8}, {8}, {1}, {1, 3}, {}})), 3u * 12);
  BenchOptions options;
  options.token = int32_t(kToyVocab);
  EXPECT_THAT(errorOf([&] { run(cpuModel(), options); }), HasSubstr("--token 32: "));
}
