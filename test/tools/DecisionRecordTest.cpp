//===- DecisionRecordTest.cpp - Tests of decisions as data -----------------===//

#include "tools/quipu-compile/DecisionRecord.h"

#include "gtest/gtest.h"

using namespace quipu;

namespace {

llama::Decision about(const std::string &place, const std::string &text) {
  llama::Decision decision;
  decision.pass = "llama-fuse-qkv";
  decision.names = {place};
  decision.text = text;
  return decision;
}

TEST(DecisionRecord, LayersOfOneDecisionAreOne) {
  tool::DecisionRecord record;
  for (const char *layer : {"0", "1", "1", "12"}) {
    std::string place = std::string("layers.") + layer + ".mlp";
    record.add(about(place, place + " stays"));
  }
  nlohmann::ordered_json json = record.json();
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["names"], nlohmann::ordered_json({"layers.{}.mlp"}));
  EXPECT_EQ(json[0]["text"], "layers.{}.mlp stays");
  EXPECT_EQ(json[0]["layers"], nlohmann::ordered_json({0, 1, 12}));
  EXPECT_FALSE(json[0].contains("verdict"));
}

TEST(DecisionRecord, OtherReasonsAndOtherLayersStayApart) {
  tool::DecisionRecord record;
  record.add(about("layers.0.mlp", "one reason"));
  record.add(about("layers.1.mlp", "another reason"));
  // Of two layers: neither of them stands for all.
  record.add(about("layers.1.mlp", "reads layers.0.mlp"));
  nlohmann::ordered_json json = record.json();
  ASSERT_EQ(json.size(), 3u);
  EXPECT_EQ(json[2]["names"], nlohmann::ordered_json({"layers.1.mlp"}));
  EXPECT_EQ(json[2]["text"], "reads layers.0.mlp");
  EXPECT_TRUE(json[2]["layers"].empty());
}

TEST(DecisionRecord, CandidatesHaveVerdictsAndKernelsPrefixes) {
  tool::DecisionRecord record;
  llama::Decision decision = about("lm_head", "it fits");
  decision.kernel = "decode.lm_head";
  decision.aspect = "dot";
  decision.candidate = "dot = fma";
  decision.verdict = llama::Verdict::Chosen;
  record.setPrefix("sm_80.");
  record.add(decision);
  decision.verdict = llama::Verdict::Considered;
  record.add(decision);
  nlohmann::ordered_json json = record.json();
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["kernel"], "sm_80.decode.lm_head");
  EXPECT_EQ(json[0]["program"], "");
  EXPECT_EQ(json[0]["verdict"], "chosen");
  EXPECT_EQ(json[1]["verdict"], "considered");
}

} // namespace
