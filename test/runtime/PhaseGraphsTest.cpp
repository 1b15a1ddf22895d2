//===- PhaseGraphsTest.cpp: the dataflow after each phase, for a page --------------------===//

#include "tools/quipu/report/PhaseGraphs.h"
#include "test/runtime/KeptPlan.h"

#include <gmock/gmock.h>

using namespace quipu;
using namespace quipu::test;
using namespace quipu::tool;
using testing::ElementsAre;

namespace {

Json graphsOf(const Json &record) { return phaseGraphs(PhaseHistory(*keptPlan(record))); }

/// The edges of a part as texts, sorted.
std::vector<std::string> edgesOf(const Json &part) {
  std::vector<std::string> edges;
  for (const Json &edge : part.at("edges"))
    edges.push_back(edge.dump());
  return edges;
}

} // namespace

// Test: edges go from results to operands, also into the next layer; arguments count from -1 downwards.
TEST(PhaseGraphs, EdgesOfLayers) {
  Json graphs = graphsOf(keptRecord());
  const Json &part = graphs["parts"][0];
  EXPECT_EQ(part["name"], "forward");
  EXPECT_EQ(part["arguments"], Json::parse(R"(["%tokens"])"));
  EXPECT_EQ(part["groups"][1]["layers"], "layers 0-1, 2 alike");
  EXPECT_EQ(part["groups"][0]["layers"], "");
  // The embedding reads the tokens; the layer reads it, or the layer before; the head reads the last layer.
  EXPECT_THAT(edgesOf(part), ElementsAre("[-1,0,0,0,0]", "[0,0,1,0,0]", "[1,0,1,0,1]", "[1,0,2,0,0]"));
}

// Test: references to weights are no edges, but stand beside the op, with the types of its results.
TEST(PhaseGraphs, WeightsOfOps) {
  Json op = graphsOf(keptRecord())["parts"][0]["groups"][1]["ops"][0];
  EXPECT_EQ(op["weights"], Json::parse(R"(["layers.{}.w"])"));
  EXPECT_EQ(op["types"], Json::parse(R"(["tensor<?x4xf32>"])"));
  EXPECT_EQ(op["place"], "layers.{}.mlp");
  EXPECT_FALSE(op.contains("kernel"));
}

// Test: an op that launches a kernel names it.
TEST(PhaseGraphs, LaunchesNameTheirKernel) {
  Json record = keptRecord(), launch = foldedOp("llama.launch", "%y", {"%in"});
  launch["attributes"]["kernel"] = "@decode.layer";
  record["phases"][0]["parts"] = {foldedFunction("decode", {launch})};
  EXPECT_EQ(graphsOf(record)["parts"][0]["groups"][1]["ops"][0]["kernel"], "decode.layer");
}

// Test: what a phase left as it was stands once, and weights and code are left out.
TEST(PhaseGraphs, EqualPartsStandOnce) {
  Json record = keptRecord();
  Json kernel = {{"kind", "kernel"},
                 {"name", "layer"},
                 {"head", "llama.kernel @layer()"},
                 {"arguments", Json::array()},
                 {"groups", Json::array()}};
  Json weights = {{"kind", "weights"}, {"name", "weights"}, {"groups", Json::array()}};
  for (size_t phase : {0, 1}) {
    record["phases"][phase]["parts"].push_back(kernel);
    record["phases"][phase]["parts"].push_back(weights);
  }
  Json graphs = graphsOf(record);
  EXPECT_EQ(graphs["parts"].size(), 3u);
  EXPECT_EQ(graphs["phases"], Json::parse(R"([{"name": "import", "parts": [0, 1]},
                                              {"name": "llama-plan-memory", "parts": [2, 1]}])"));
}
