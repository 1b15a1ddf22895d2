//===- QuantizeMixTest.cpp - Which format --quantize gives each tensor -------------------===//

#include "frontends/common/QuantizeMix.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace quipu;
using namespace quipu::frontend;

namespace {

ModelConfig configOf(uint32_t hidden, uint32_t intermediate, uint32_t layers = 32) {
  ModelConfig config;
  config.hiddenSize = hidden;
  config.intermediateSize = intermediate;
  config.numLayers = layers;
  config.numHeads = config.numKvHeads = 4;
  config.headDim = hidden / 4;
  config.vocabSize = 16;
  return config;
}

/// The format of a weight; "-" where it stays.
std::string formatOf(std::string_view mix, const ModelConfig &config, std::string_view name) {
  std::vector<ExpectedWeight> weights = expectedWeights(config);
  auto weight = std::ranges::find(weights, name, &ExpectedWeight::name);
  EXPECT_NE(weight, weights.end()) << name;
  const WeightFormat *format = QuantizeMix::find(mix)->formatOf(*weight, config);
  return format ? std::string(format->name) : "-";
}

/// Layers whose weight of that name gets q6_k.
std::vector<uint32_t> layersWithMoreBits(const ModelConfig &config, const std::string &name) {
  std::vector<uint32_t> layers;
  for (uint32_t layer = 0; layer < config.numLayers; ++layer)
    if (formatOf("q4_k_m", config, "layers." + std::to_string(layer) + "." + name) == "q6_k")
      layers.push_back(layer);
  return layers;
}

} // namespace

// Test: a format is for all matrices and nothing else; what is no format or cannot be written is unknown.
TEST(QuantizeMix, Formats) {
  ModelConfig config = configOf(512, 1024);
  EXPECT_EQ(formatOf("q4_0", config, "embed_tokens"), "q4_0");
  EXPECT_EQ(formatOf("q4_0", config, "lm_head"), "q4_0");
  EXPECT_EQ(formatOf("q4_0", config, "layers.3.mlp.down_proj"), "q4_0");
  EXPECT_EQ(formatOf("q4_0", config, "norm"), "-");
  for (const char *name : {"f16", "iq4_nl", "q8_k", "q4_k_s", ""})
    EXPECT_FALSE(QuantizeMix::find(name)) << name;
  std::vector<std::string> names = QuantizeMix::names();
  EXPECT_EQ(names.front(), "q8_0");
  EXPECT_EQ(names.back(), "q4_k_m");
}

// Test: which tensors of a q4_k_m model get q6_k. The layers are those in files that llama-quantize wrote.
TEST(QuantizeMix, MoreBitsWhereTheyHelp) {
  ModelConfig config = configOf(512, 1024, 32);
  std::vector<uint32_t> expected = {0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31};
  EXPECT_EQ(layersWithMoreBits(config, "mlp.down_proj"), expected);
  EXPECT_EQ(layersWithMoreBits(config, "self_attn.v_proj"), expected);
  for (const char *name : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj"})
    EXPECT_TRUE(layersWithMoreBits(config, name).empty()) << name;
  EXPECT_EQ(formatOf("q4_k_m", config, "lm_head"), "q6_k");
  EXPECT_EQ(formatOf("q4_k_m", config, "embed_tokens"), "q4_k");
  config.tieWordEmbeddings = true;
  EXPECT_EQ(formatOf("q4_k_m", config, "embed_tokens"), "q6_k");
  // Query, key and value in one tensor count as values.
  config.fusedTensors = {{"self_attn.qkv_proj", {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}}};
  EXPECT_EQ(layersWithMoreBits(config, "self_attn.q_proj"), expected);
  // Of 80 layers with fewer heads for values than for queries.
  config = configOf(512, 1024, 80);
  EXPECT_EQ(formatOf("q4_k_m", config, "layers.10.self_attn.v_proj"), "q4_k");
  config.numKvHeads = 2;
  EXPECT_EQ(formatOf("q4_k_m", config, "layers.10.self_attn.v_proj"), "q5_k");
}

// Test: rows that are no whole blocks of 256 get a format with blocks of 32, and others stay; the remark says which.
TEST(QuantizeMix, FallsBack) {
  ModelConfig config = configOf(96, 256, 2);
  EXPECT_EQ(formatOf("q4_k_m", config, "layers.1.self_attn.q_proj"), "q5_0");
  EXPECT_EQ(formatOf("q4_k_m", config, "lm_head"), "q8_0");
  EXPECT_EQ(formatOf("q4_k_m", config, "layers.1.mlp.down_proj"), "q6_k");
  EXPECT_EQ(formatOf("q6_k", config, "layers.1.self_attn.q_proj"), "q8_0");
  EXPECT_EQ(formatOf("q5_k", config, "layers.1.self_attn.q_proj"), "q5_1");
  EXPECT_EQ(formatOf("q3_k", config, "layers.1.self_attn.q_proj"), "q4_0");
  EXPECT_EQ(describeFallbacks(config, *QuantizeMix::find("q6_k")),
            "14 of 16 matrices are rounded to q8_0 in place of q6_k, since their columns are no multiple of 256, the "
            "first of them embed_tokens of 96 columns");
  config = configOf(64, 48, 2);
  EXPECT_EQ(describeFallbacks(config, *QuantizeMix::find("q8_0")),
            "2 of 16 matrices stay as they are, since their columns are no multiple of 32, the first of them "
            "layers.0.mlp.down_proj of 48 columns");
  EXPECT_EQ(describeFallbacks(configOf(64, 96, 2), *QuantizeMix::find("q8_0")), "");
}
