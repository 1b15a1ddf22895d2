//===- ReportDataTest.cpp: what a report shows -------------------------------------------===//

#include "tools/quipu/report/ReportData.h"
#include "test/runtime/KeptPlan.h"
#include "tools/quipu/report/ScriptText.h"

#include <gmock/gmock.h>

using namespace quipu;
using namespace quipu::test;
using namespace quipu::tool;
using testing::HasSubstr;

namespace {

/// What a profile has that a report asks for. Its ceilings are taken, so nothing is measured.
Json profile() {
  return {{"ceiling_GBps", 10.0},
          {"ceiling_TFLOPs", 0.5},
          {"ceiling_memory", "read"},
          {"ceiling_instruction", "fma"},
          {"steps", Json::array()}};
}

Json dataOf(const Json &record, const std::string &source = "kept.plan") {
  return reportData(*keptPlan(record), source, profile());
}

} // namespace

// Test: a kernel has its places, fields, weights, ops with their text, and numbers of the decisions about it.
TEST(ReportData, Kernels) {
  Json data = dataOf(keptRecord());
  ASSERT_EQ(data["kernels"].size(), 1u);
  const Json &kernel = data["kernels"][0];
  EXPECT_EQ(kernel["name"], "layer");
  EXPECT_EQ(kernel["symbols"], Json::parse(R"(["toy_append", "toy_mix"])"));
  EXPECT_EQ(kernel["decisions"], Json::parse("[0, 1]"));
  EXPECT_EQ(kernel["ops"][0]["text"], "llama.mlp %in");
  EXPECT_EQ(kernel["configs"], Json::parse(R"(["hidden_size"])"));
}

// Test: layers are a text, not a list of numbers, and candidates keep their verdict.
TEST(ReportData, Decisions) {
  Json data = dataOf(keptRecord());
  ASSERT_EQ(data["decisions"].size(), 2u);
  EXPECT_EQ(data["decisions"][0]["layers"], "layers 0-1, 2 alike");
  EXPECT_FALSE(data["decisions"][1].contains("layers"));
  EXPECT_EQ(data["decisions"][1]["verdict"], "chosen");
}

// Test: decisions that read alike are one, and a kernel has its number for each of them.
TEST(ReportData, FoldedDecisions) {
  Json record = keptRecord();
  record["decisions"].push_back(Json(record["decisions"][1]));
  record["decisions"][2]["aspect"] = "another";
  Json data = dataOf(record);
  EXPECT_EQ(data["decisions"].size(), 2u);
  EXPECT_EQ(data["kernels"][0]["decisions"], Json::parse("[0, 1, 1]"));
}

// Test: weights that differ in their layer alone are one line, with the bytes of all.
TEST(ReportData, FoldedWeights) {
  Json data = dataOf(keptRecord());
  ASSERT_EQ(data["weights"].size(), 3u);
  const Json &layers = data["weights"][1];
  EXPECT_EQ(layers["name"], "layers.{}.w");
  EXPECT_EQ(layers["count"], kToyLayers);
  EXPECT_EQ(layers["bytes"], kToyLayers * kToyHidden * 4);
  EXPECT_THAT(layers["layers"].get<std::string>(), HasSubstr("alike"));
  EXPECT_EQ(data["weights"][2]["from"], Json::parse(R"(["scale.low", "scale.high"])"));
}

// Test: costs are of a generated token and of a prompt, under the ceilings of the profile.
TEST(ReportData, CostsUnderTheProfilesCeilings) {
  Json data = dataOf(keptRecord());
  ASSERT_EQ(data["costs"].size(), 2u);
  EXPECT_EQ(data["costs"][0]["prompt"], 0);
  EXPECT_EQ(data["costs"][1]["prompt"], kToyMaxSeq);
  for (const Json &cost : data["costs"])
    EXPECT_EQ(cost["ceiling_GBps"], 10.0);
}

// Test: the field of a file that has gone says where it stood; the phases of the graph end before code generation.
TEST(ReportData, FieldsAndPhases) {
  Json data = dataOf(keptRecord());
  EXPECT_EQ(data["fields"][0]["text"], "none.json:3: hidden_size");
  EXPECT_EQ(data["phases"].size(), 3u);
  EXPECT_EQ(data["graphs"]["phases"].size(), 2u);
  EXPECT_EQ(data["origins"][0]["place"], "layers.{}");
}

// Test: names of files, tensors, fields and ops may be anything, and come back as they are.
TEST(ReportData, HostileNames) {
  const std::string hostile = "</script><!--\"'\\\n\xe2\x80\xa8";
  Json record = keptRecord();
  record["fields"][0]["name"] = record["fields"][0]["file"] = hostile;
  record["kernels"][0]["configs"] = {hostile};
  record["kernels"][0]["ops"][0]["place"] = hostile;
  record["decisions"][0]["text"] = hostile;
  record["phases"][0]["parts"][0]["groups"][1]["ops"][0]["text"] = hostile;
  Json data = dataOf(record, hostile);
  std::string text = scriptText(data);
  EXPECT_EQ(text.find('<'), std::string::npos);
  Json read = Json::parse(text);
  EXPECT_EQ(read, data);
  EXPECT_EQ(read["source"], hostile);
  EXPECT_EQ(read["fields"][0]["name"], hostile);
  EXPECT_EQ(read["kernels"][0]["ops"][0]["place"], hostile);
  EXPECT_EQ(read["graphs"]["parts"][0]["groups"][1]["ops"][0]["text"], hostile);
}

// Test: a plan without a record is refused.
TEST(ReportData, NoRecord) {
  auto plain = PlanFile::fromMemory(planBytes(packPlan(toyPlan())), "plain.plan");
  EXPECT_THAT(errorOf([&] { (void)reportData(*plain, "plain.plan", profile()); }), HasSubstr("holds no IR"));
}
