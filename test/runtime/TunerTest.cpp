//===- TunerTest.cpp: the search for schedules of a GPU, on a fake one -------------------===//
//
// Plans come from a maker in place of the compiler. The clock of the fake GPU counts launches, so a kernel is made
// slower or faster by the number of its entries.
//
//===----------------------------------------------------------------------------------===//

#include "tools/quipu/tune/Tuner.h"
#include "runtime/plan/Insight.h"
#include "test/runtime/FakeCudaTest.h"

#include <gmock/gmock.h>

using namespace quipu;
using namespace quipu::test;
using namespace quipu::tool;
using testing::HasSubstr;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char *kRing =
    "#llama.cuda_linear_ring<depth = 1024, stages = 5, afterWait = 2, inFlightBeforeWait = 2, "
    "inFlight = 3, warps = 8, scaleAfter = true>";
constexpr const char *kMany =
    "#llama.cuda_linear_many<tokens = 256, rows = 128, depth = 64, stages = 4, warps = 8, dot = "
    "wgmma, weight_first = true, persistent = true, ahead = false, cluster = 2>";

class TunerTest : public FakeCudaTest {
protected:
  /// A plan whose logits of decode take three launches, and one where `tuning` has ring-stages = 8. Logits of prompts
  /// take one, and more with another number of rows.
  std::shared_ptr<const PlanFile> make(const Json &tuning, bool keepIr) {
    tunings.push_back(tuning);
    Json numbers = Json::object();
    if (!tuning.is_null())
      for (const Json &kernel : tuning.at("kernels"))
        numbers[kernel.at("name").get<std::string>()] = kernel.at("numbers");
    plan::PlanT plan = toyPlan();
    makeCuda(plan);
    plan.kernels[2]->schedule = kRing;
    plan.kernels[3]->schedule = kMany;
    auto repeat = [&](size_t kernel, size_t launches) {
      plan::KernelT &changed = *plan.kernels[kernel];
      while (changed.entries.size() < launches)
        changed.entries.push_back(std::make_unique<plan::EntryT>(*changed.entries.front()));
    };
    bool isFast = numbers.contains("logits_decode") && numbers["logits_decode"].value("ring-stages", 0) == 8;
    repeat(2, isFast ? 1 : 3);
    repeat(3, numbers.contains("logits_prefill") ? 2 : 1);
    if (wrong)
      plan.kernels[2]->entries.back()->symbol = tuning.is_null() ? "toy_logits_decode" : "toy_logits_plain";
    if (keepIr) {
      Json kernels = Json::array();
      for (const char *name : {"logits_decode", "logits_prefill"})
        kernels.push_back({{"name", name}, {"shape", "(tensor<?x4xf32>) -> tensor<?x32xf32>"}});
      Json subject = {{"tuning", 1},
                      {"compiler", "toy"},
                      {"target", {{"device", "cuda"}, {"requested", "sm_90a"}, {"features", Json::array()}}},
                      {"assembler", "ptxas 1.2"},
                      {"kernels", kernels}};
      plan.insight = std::make_unique<plan::InsightT>();
      plan.insight->source = compressText("");
      plan.insight->record = compressText(Json{{"tunable", subject}}.dump());
    }
    return PlanFile::fromMemory(planBytes(packPlan(plan)), "toy.plan");
  }

  Tuner tuner(double seconds = 600) {
    TunerOptions options;
    options.seconds = seconds;
    options.rounds = 3;
    options.note = [this](const std::string &line) { notes += line + "\n"; };
    return {[this](const Json &tuning, bool keepIr) { return make(tuning, keepIr); }, options};
  }

  std::vector<Json> tunings;
  std::string notes;
  bool wrong = false;
};

} // namespace

// Test: what is faster on the GPU is kept, with its times and the GPU that they are of; what is slower is not.
TEST_F(TunerTest, FindsWhatIsFaster) {
  Json found = tuner().run();
  SCOPED_TRACE(found.dump(2) + notes);
  ASSERT_EQ(found["kernels"].size(), 1u);
  const Json &kernel = found["kernels"][0];
  EXPECT_EQ(kernel["name"], "logits_decode");
  EXPECT_EQ(kernel["numbers"], (Json{{"ring-stages", 8}}));
  EXPECT_NEAR(kernel["us_before"].get<double>(), 3000, 1);
  EXPECT_NEAR(kernel["us_after"].get<double>(), 1000, 1);
  EXPECT_EQ(found["assembler"], "ptxas 1.2");
  EXPECT_EQ(found["machine"]["gpu"], "Fake GPU");
  EXPECT_EQ(found["machine"]["capability"], "9.0");
  EXPECT_EQ(found["machine"]["multiprocessors"], 10);
  EXPECT_THAT(found["machine"]["driver"].get<std::string>(), HasSubstr("driver"));
  // The largest step of each program, in the plan's order.
  ASSERT_EQ(found["steps"].size(), 2u);
  EXPECT_EQ(found["steps"][0]["name"], "decode");
  EXPECT_EQ(found["steps"][0]["sequences"], kToyMaxBatch);
  EXPECT_EQ(found["steps"][1]["name"], "prefill");
  EXPECT_EQ(found["steps"][1]["tokens"], std::min<uint32_t>(kToyMaxRows, kToyMaxSeq));
  // Candidates named numbers of the kernels' own families alone.
  for (const Json &tuning : tunings)
    if (!tuning.is_null())
      for (const Json &each : tuning["kernels"])
        for (const auto &[number, value] : each["numbers"].items())
          EXPECT_EQ(number.starts_with("ring-"), each["name"] == "logits_decode") << tuning.dump();
  EXPECT_THAT(notes, HasSubstr("ring-after-wait = 3: logits_decode makes the step decode take 100.0 % of the time"));
  EXPECT_THAT(notes, HasSubstr("logits_prefill takes 200.0 % of the time"));
}

// Test: without time for more, one candidate is tried, and the file says that nothing is faster.
TEST_F(TunerTest, EndsInTime) {
  Json found = tuner(1e-9).run();
  EXPECT_TRUE(found["kernels"].empty());
  EXPECT_THAT(notes, HasSubstr("the time is over: 1 of "));
}

// Test: a schedule with other logits is an error of the compiler.
TEST_F(TunerTest, OtherLogits) {
  wrong = true;
  expectHas(errorOf([&] { (void)tuner().run(); }), "a plan with other schedules gives other logits");
}

// Test: a GPU that runs another variant than the one asked for is refused, with the target that is its own.
TEST_F(TunerTest, AnotherGpu) {
  fake.capability = 80;
  std::string error = errorOf([&] { (void)tuner(); });
  expectHas(error, "quipu tune measures code for sm_90a, and Fake GPU");
  expectHas(error, "runs that for sm_80; give --target cuda:sm_80");
}
