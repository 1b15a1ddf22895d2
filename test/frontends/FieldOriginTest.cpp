//===- FieldOriginTest.cpp: where the fields of a config stand ----------------------------===//

#include "frontends/common/FieldOrigin.h"
#include "frontends/common/ModelConfig.h"
#include "frontends/hf/Config.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace quipu::frontend;

namespace {
const FieldOrigin &originOf(const ModelConfig &config, const std::string &name) {
  auto found = std::ranges::find(config.origins, name, &FieldOrigin::name);
  EXPECT_NE(found, config.origins.end()) << name;
  return *found;
}
} // namespace

TEST(LinesOfKeys, NestedKeysAndTexts) {
  auto lines = linesOfKeys("{\n \"a\": 1, \"b\":\n {\"c\": [\n{\"d\": \"e\\\"f\"}]},\n\"g\"\n: \"h\"}");
  std::map<std::string, uint32_t> expected = {{"a", 2}, {"b", 2}, {"b.c", 3}, {"b.c.d", 4}, {"g", 5}};
  EXPECT_EQ(lines, expected);
}

TEST(LinesOfKeys, Empty) { EXPECT_TRUE(linesOfKeys("{}").empty()); }

TEST(FieldOrigins, OfHuggingFace) {
  ModelConfig config = hf::parseConfig(R"({
  "model_type": "llama",
  "hidden_size": 16, "intermediate_size": 32,
  "num_attention_heads": 4,
  "num_hidden_layers": 2,
  "vocab_size": 8,
  "rope_parameters": {
    "rope_theta": 5000.0, "rope_type": "default"},
  "max_position_embeddings": 64
})",
                                       "some/config.json");
  EXPECT_EQ(originOf(config, "hidden_size").line, 3u);
  EXPECT_EQ(originOf(config, "hidden_size").file, "some/config.json");
  EXPECT_EQ(originOf(config, "hidden_size").reason, "");
  EXPECT_EQ(originOf(config, "num_attention_heads").line, 4u);
  const FieldOrigin &theta = originOf(config, "rope_theta");
  EXPECT_EQ(theta.key, "rope_parameters.rope_theta");
  EXPECT_EQ(theta.line, 8u);
  // What the file does not have.
  EXPECT_EQ(originOf(config, "num_key_value_heads").line, 0u);
  EXPECT_EQ(originOf(config, "num_key_value_heads").reason, "= num_attention_heads");
  EXPECT_EQ(originOf(config, "head_dim").reason, "= hidden_size / num_attention_heads");
  EXPECT_EQ(originOf(config, "sliding_window").reason, "not in the file");
}
