//===- ConfigTest.cpp - Reading config.json ----------------------------------------------===//

#include "Support.h"

#include "frontends/common/RopeLength.h"
#include "frontends/hf/Config.h"

#include <chrono>
#include <cmath>

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;
using nlohmann::json;

static ModelConfig parse(const json &config) { return hf::parseConfig(config.dump(), "some/tiny/config.json"); }

/// smallConfig() with `changes` merged in (RFC 7386, but a null stays a null, and "-" removes the field).
static json changed(const json &changes) {
  json config = smallConfig();
  for (const auto &item : changes.items()) {
    if (item.value() == "-")
      config.erase(item.key());
    else
      config[item.key()] = item.value();
  }
  return config;
}

static const Note *findNote(const ModelConfig &config, std::string_view field, Note::Kind kind) {
  for (const Note &note : config.notes)
    if (note.field == field && note.kind == kind)
      return &note;
  return nullptr;
}

static bool hasWarnings(const ModelConfig &config) {
  for (const Note &note : config.notes)
    if (note.kind == Note::Kind::warning)
      return true;
  return false;
}

TEST(Config, ReadsEveryField) {
  ModelConfig config = parse(smallConfig());
  EXPECT_EQ(config.name, "tiny");
  EXPECT_EQ(config.architecture, "LlamaForCausalLM");
  EXPECT_EQ(config.hiddenSize, 8u);
  EXPECT_EQ(config.intermediateSize, 12u);
  EXPECT_EQ(config.numLayers, 2u);
  EXPECT_EQ(config.numHeads, 4u);
  EXPECT_EQ(config.numKvHeads, 2u);
  EXPECT_EQ(config.headDim, 2u);
  EXPECT_EQ(config.vocabSize, 16u);
  EXPECT_EQ(config.maxPositionEmbeddings, 64u);
  EXPECT_EQ(config.rmsNormEps, 1e-5);
  EXPECT_EQ(config.rope.theta, 10000.0);
  EXPECT_EQ(config.rope.scaling, RopeScaling::none);
  EXPECT_EQ(config.rope.layout, RotaryLayout::half);
  EXPECT_EQ(config.activation, Activation::silu);
  EXPECT_FALSE(config.tieWordEmbeddings || config.attentionBias || config.mlpBias);
  EXPECT_EQ(config.slidingWindow, 0u);
  EXPECT_EQ(config.bosTokenIds, std::vector<int32_t>{1});
  EXPECT_EQ(config.eosTokenIds, std::vector<int32_t>{2});
  EXPECT_EQ(config.declaredDtype, DType::f32);
  EXPECT_FALSE(hasWarnings(config));
}

// Test: a list of ids takes time in proportion to its length. (What looks through all ids for each takes a minute.)
TEST(Config, ManyTokenIds) {
  json ids = json::array();
  for (int repeat = 0; repeat < 2; ++repeat)
    for (int id = 399999; id >= 0; --id)
      ids.push_back(id);
  ids.push_back(-1);
  auto start = std::chrono::steady_clock::now();
  ModelConfig config = parse(changed({{"vocab_size", 300000}, {"eos_token_id", ids}}));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  EXPECT_EQ(config.eosTokenIds.size(), 300000u);
  EXPECT_EQ(config.eosTokenIds.front(), 299999);
  // One remark about those that are not in the vocabulary.
  size_t warnings = 0;
  for (const Note &note : config.notes)
    if (note.kind == Note::Kind::warning && note.field == "eos_token_id") {
      ++warnings;
      EXPECT_EQ(note.text, "399999 and 200000 more are not in the vocabulary of 300000 and are ignored");
    }
  EXPECT_EQ(warnings, 1u);
}

TEST(Config, FillsDefaultsAndSaysSo) {
  ModelConfig config = parse(changed({{"num_key_value_heads", "-"},
                                      {"rms_norm_eps", "-"},
                                      {"rope_theta", "-"},
                                      {"hidden_act", "-"},
                                      {"tie_word_embeddings", "-"},
                                      {"max_position_embeddings", "-"},
                                      {"architectures", "-"},
                                      {"torch_dtype", "-"},
                                      {"bos_token_id", nullptr},
                                      {"eos_token_id", "-"}}));
  EXPECT_EQ(config.numKvHeads, 4u);
  EXPECT_EQ(config.rmsNormEps, 1e-6);
  EXPECT_EQ(config.rope.theta, 10000.0);
  EXPECT_EQ(config.maxPositionEmbeddings, 2048u);
  EXPECT_EQ(config.architecture, "LlamaForCausalLM");
  EXPECT_EQ(config.declaredDtype, std::nullopt);
  EXPECT_TRUE(config.bosTokenIds.empty());
  // transformers' default.
  EXPECT_EQ(config.eosTokenIds, std::vector<int32_t>{2});
  EXPECT_FALSE(config.endsNowhere);
  for (const char *field : {"num_key_value_heads", "head_dim", "rms_norm_eps", "rope_theta", "hidden_act",
                            "tie_word_embeddings", "max_position_embeddings", "torch_dtype"})
    EXPECT_TRUE(findNote(config, field, Note::Kind::provenance)) << field;
  EXPECT_FALSE(hasWarnings(config));
}

TEST(Config, MistralDefaultsDiffer) {
  json mistral = changed({{"architectures", {"MistralForCausalLM"}},
                          {"model_type", "mistral"},
                          {"num_attention_heads", 16},
                          {"hidden_size", 32},
                          {"num_key_value_heads", "-"},
                          {"max_position_embeddings", "-"}});
  ModelConfig config = parse(mistral);
  EXPECT_EQ(config.numKvHeads, 8u);
  EXPECT_EQ(config.maxPositionEmbeddings, 131072u);
  EXPECT_EQ(config.slidingWindow, 4096u);

  mistral["num_key_value_heads"] = nullptr;
  mistral["sliding_window"] = nullptr;
  config = parse(mistral);
  EXPECT_EQ(config.numKvHeads, 16u);
  EXPECT_EQ(config.slidingWindow, 0u);

  // A window that covers the context is none.
  mistral["sliding_window"] = 131072;
  EXPECT_EQ(parse(mistral).slidingWindow, 0u);
  mistral["sliding_window"] = 131071;
  EXPECT_EQ(parse(mistral).slidingWindow, 131071u);
  mistral["layer_types"] = {"sliding_attention", "sliding_attention"};
  EXPECT_EQ(parse(mistral).slidingWindow, 131071u);
}

TEST(Config, Qwen2) {
  json qwen2 = changed({{"architectures", {"Qwen2ForCausalLM"}},
                        {"model_type", "qwen2"},
                        {"num_hidden_layers", 3},
                        {"rms_norm_eps", "-"},
                        {"max_position_embeddings", "-"},
                        {"eos_token_id", "-"},
                        {"use_mrope", false}});
  ModelConfig config = parse(qwen2);
  EXPECT_TRUE(config.attentionBias);
  EXPECT_FALSE(config.attentionOutputBias || config.mlpBias || config.tieWordEmbeddings);
  EXPECT_EQ(config.rmsNormEps, 1e-6);
  EXPECT_EQ(config.maxPositionEmbeddings, 32768u);
  EXPECT_TRUE(config.eosTokenIds.empty());
  EXPECT_FALSE(hasWarnings(config));
  // No window unless use_sliding_window says so.
  EXPECT_EQ(config.slidingWindow, 0u);
  qwen2["sliding_window"] = 24;
  EXPECT_EQ(parse(qwen2).slidingWindow, 0u);
  // Its last layers have it.
  qwen2["use_sliding_window"] = true;
  qwen2["max_window_layers"] = 1;
  config = parse(qwen2);
  EXPECT_EQ(config.slidingWindow, 24u);
  auto windows = [](const ModelConfig &of) {
    return std::vector<uint32_t>{of.windowOf(0), of.windowOf(1), of.windowOf(2)};
  };
  EXPECT_EQ(windows(config), (std::vector<uint32_t>{0, 24, 24}));
  // layer_types counts more.
  qwen2["layer_types"] = {"sliding_attention", "full_attention", "full_attention"};
  EXPECT_EQ(windows(parse(qwen2)), (std::vector<uint32_t>{24, 0, 0}));
  qwen2["layer_types"] = nullptr;
  qwen2["max_window_layers"] = 0;
  config = parse(qwen2);
  EXPECT_EQ(windows(config), (std::vector<uint32_t>{24, 24, 24}));
  EXPECT_TRUE(config.slidingLayers.empty());
  // By default none of so few layers.
  qwen2.erase("max_window_layers");
  EXPECT_EQ(windows(parse(qwen2)), (std::vector<uint32_t>{0, 0, 0}));
  // A window as wide as the context is none, whatever layers are called.
  qwen2["sliding_window"] = 32768;
  qwen2["layer_types"] = {"full_attention", "sliding_attention", "sliding_attention"};
  EXPECT_EQ(windows(parse(qwen2)), (std::vector<uint32_t>{0, 0, 0}));
}

TEST(Config, Phi3) {
  json phi3 = changed({{"architectures", {"Phi3ForCausalLM"}},
                       {"model_type", "phi3"},
                       {"rms_norm_eps", "-"},
                       {"eos_token_id", "-"},
                       {"vocab_size", 32064},
                       {"attention_bias", false},
                       {"resid_pdrop", 0.1},
                       {"original_max_position_embeddings", 4096},
                       {"max_position_embeddings", "-"},
                       {"rope_scaling", nullptr},
                       {"sliding_window", 2047}});
  ModelConfig config = parse(phi3);
  EXPECT_EQ(config.rmsNormEps, 1e-5);
  EXPECT_EQ(config.eosTokenIds, std::vector<int32_t>{32000});
  EXPECT_EQ(config.maxPositionEmbeddings, 4096u);
  EXPECT_EQ(config.slidingWindow, 2047u);
  EXPECT_EQ(config.rope.scaling, RopeScaling::none);
  EXPECT_FALSE(config.attentionBias || config.mlpBias || hasWarnings(config));
  ASSERT_EQ(config.fusedTensors.size(), 2u);
  EXPECT_EQ(config.fusedTensors[1].name, "mlp.gate_up_proj");
  // Where its longrope has no trained context beside it, it is that of the class, whatever stands inside.
  phi3.erase("original_max_position_embeddings");
  phi3["max_position_embeddings"] = 8192;
  phi3["rope_scaling"] = {
      {"type", "longrope"}, {"short_factor", {1}}, {"long_factor", {2}}, {"original_max_position_embeddings", 16}};
  EXPECT_EQ(parse(phi3).rope.shortContext, 4096u);
  phi3.erase("sliding_window");
  EXPECT_EQ(parse(phi3).slidingWindow, 0u);
}

TEST(Config, Gemma) {
  json gemma = changed({{"architectures", {"GemmaForCausalLM"}},
                        {"model_type", "gemma"},
                        {"num_attention_heads", 32},
                        {"num_key_value_heads", "-"},
                        {"rms_norm_eps", "-"},
                        {"eos_token_id", "-"},
                        {"tie_word_embeddings", "-"},
                        {"max_position_embeddings", "-"},
                        {"hidden_act", "-"},
                        {"hidden_activation", "gelu_pytorch_tanh"}});
  ModelConfig config = parse(gemma);
  EXPECT_EQ(config.headDim, 256u);
  EXPECT_EQ(config.numKvHeads, 16u);
  EXPECT_EQ(config.maxPositionEmbeddings, 8192u);
  EXPECT_EQ(config.activation, Activation::geluTanh);
  EXPECT_EQ(config.rmsNormEps, 1e-6);
  EXPECT_EQ(config.eosTokenIds, std::vector<int32_t>{1});
  EXPECT_TRUE(config.tieWordEmbeddings);
  EXPECT_EQ(config.normPlus, 1.0);
  EXPECT_DOUBLE_EQ(config.embeddingScale * config.embeddingScale, 8.0);
  EXPECT_FALSE(config.attentionBias || hasWarnings(config));
  gemma["hidden_act"] = "gelu";
  EXPECT_EQ(parse(gemma).activation, Activation::geluTanh);
  gemma["attention_bias"] = true;
  config = parse(gemma);
  EXPECT_TRUE(config.attentionBias && config.attentionOutputBias);
}

TEST(Config, HeadDimNeedNotDivideHiddenSize) {
  ModelConfig config = parse(changed({{"head_dim", 6}, {"hidden_size", 10}}));
  EXPECT_EQ(config.headDim, 6u);
  EXPECT_EQ(config.hiddenSize, 10u);
}

TEST(Config, RopeYarn) {
  json yarn = {{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 16}};
  json wide = {{"head_dim", 16}, {"rope_scaling", yarn}};
  ModelConfig config = parse(changed(wide));
  EXPECT_EQ(config.rope.scaling, RopeScaling::none);
  // 16 ln(16 / 64 pi) / (2 ln 10000) is below 0, 16 ln(16 / 2 pi) / (2 ln 10000) is 0.81: the first pair stays.
  ASSERT_EQ(config.rope.divisors.size(), 8u);
  EXPECT_DOUBLE_EQ(config.rope.divisors[0], 1.0);
  EXPECT_DOUBLE_EQ(config.rope.divisors[1], 4.0);
  EXPECT_DOUBLE_EQ(config.rope.divisors[7], 4.0);
  EXPECT_DOUBLE_EQ(config.rope.amplitude, 0.1 * std::log(4.0) + 1);
  // Without rounding of its ends the mixture is another.
  wide["rope_scaling"]["truncate"] = false;
  wide["rope_scaling"]["original_max_position_embeddings"] = 64;
  config = parse(changed(wide));
  double high = 16 * std::log(64 / (2 * M_PI)) / (2 * std::log(10000.0)), part = 1 / high;
  EXPECT_NEAR(config.rope.divisors[1], 1 / (part / 4 + 1 - part), 1e-12);
  // The amplitude: as given, or of both scales.
  wide["rope_scaling"]["mscale"] = 2.0;
  wide["rope_scaling"]["mscale_all_dim"] = 0.5;
  EXPECT_DOUBLE_EQ(parse(changed(wide)).rope.amplitude, (0.2 * std::log(4.0) + 1) / (0.05 * std::log(4.0) + 1));
  wide["rope_scaling"]["attention_factor"] = 1.5;
  EXPECT_EQ(parse(changed(wide)).rope.amplitude, 1.5);
}

TEST(Config, RopeDynamic) {
  ModelConfig config = parse(changed({{"rope_scaling", {{"type", "dynamic"}, {"factor", 4}}}}));
  EXPECT_TRUE(config.rope.divisors.empty());
  EXPECT_EQ(config.rope.amplitude, 1.0);
  EXPECT_NE(config.positionsReason.find("\"dynamic\""), std::string::npos);
  EXPECT_FALSE(hasWarnings(config));
}

// Test: which list of divisors a plan takes depends on its positions; the amplitude does not.
TEST(Config, RopeLongrope) {
  for (const char *type : {"longrope", "su", "yarn"}) {
    json scaling = {{"type", type}, {"short_factor", {1.5}}, {"long_factor", {3}}};
    ModelConfig config = parse(changed(
        {{"rope_scaling", scaling}, {"original_max_position_embeddings", 16}, {"max_position_embeddings", 64}}));
    EXPECT_EQ(config.rope.divisors, std::vector<double>{1.5});
    EXPECT_DOUBLE_EQ(config.rope.amplitude, std::sqrt(1 + std::log(4.0) / std::log(16.0)));
    ModelConfig small = config, large = config;
    chooseRopeFor(16, small);
    EXPECT_EQ(small.rope.divisors, std::vector<double>{1.5});
    EXPECT_FALSE(hasWarnings(small));
    chooseRopeFor(17, large);
    EXPECT_EQ(large.rope.divisors, std::vector<double>{3});
    EXPECT_TRUE(findNote(large, "long_factor", Note::Kind::warning));
    // A model without a longer context has one list.
    scaling["attention_factor"] = 1.25;
    config = parse(changed({{"rope_scaling", scaling}, {"max_position_embeddings", 64}}));
    chooseRopeFor(64, config);
    EXPECT_EQ(config.rope.divisors, std::vector<double>{1.5});
    EXPECT_EQ(config.rope.amplitude, 1.25);
  }
}

TEST(Config, RopeOldForm) {
  ModelConfig config = parse(changed({{"rope_theta", 500000}, {"rope_scaling", {{"type", "linear"}, {"factor", 4}}}}));
  EXPECT_EQ(config.rope.theta, 500000.0);
  EXPECT_EQ(config.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(config.rope.factor, 4.0);

  json llama3 = {{"rope_type", "llama3"},
                 {"factor", 8.0},
                 {"low_freq_factor", 1.0},
                 {"high_freq_factor", 4.0},
                 {"original_max_position_embeddings", 32}};
  config = parse(changed({{"rope_scaling", llama3}}));
  EXPECT_EQ(config.rope.scaling, RopeScaling::llama3);
  EXPECT_EQ(config.rope.factor, 8.0);
  EXPECT_EQ(config.rope.lowFreqFactor, 1.0);
  EXPECT_EQ(config.rope.highFreqFactor, 4.0);
  EXPECT_EQ(config.rope.originalContext, 32u);

  // The one outside wins, as in transformers, and says so.
  config = parse(changed({{"rope_scaling", llama3}, {"original_max_position_embeddings", 16}}));
  EXPECT_EQ(config.rope.originalContext, 16u);
  EXPECT_TRUE(findNote(config, "original_max_position_embeddings", Note::Kind::warning));
  llama3.erase("original_max_position_embeddings");
  config = parse(changed({{"rope_scaling", llama3}}));
  EXPECT_EQ(config.rope.originalContext, 64u);
}

TEST(Config, RopeNewForm) {
  json both = {{"rope_type", "linear"}, {"factor", 2.0}, {"rope_theta", 12345.0}};
  ModelConfig config = parse(changed({{"rope_theta", "-"}, {"rope_parameters", both}}));
  EXPECT_EQ(config.rope.theta, 12345.0);
  EXPECT_EQ(config.rope.scaling, RopeScaling::linear);
  config = parse(changed({{"rope_theta", "-"}, {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 2e4}}}}));
  EXPECT_EQ(config.rope.scaling, RopeScaling::none);
  EXPECT_EQ(config.rope.theta, 2e4);
  // Both forms, agreeing.
  config = parse(changed(
      {{"rope_theta", 12345}, {"rope_scaling", {{"type", "linear"}, {"factor", 2}}}, {"rope_parameters", both}}));
  EXPECT_EQ(config.rope.factor, 2.0);
  // One layer type for all layers is one set.
  config = parse(changed({{"rope_theta", "-"},
                          {"rope_parameters", {{"full_attention", {{"rope_type", "default"}, {"rope_theta", 3e4}}}}}}));
  EXPECT_EQ(config.rope.theta, 3e4);
  config = parse(changed({{"rope_theta", "-"},
                          {"rope_parameters",
                           {{"full_attention", {{"rope_type", "linear"}, {"factor", 2}}},
                            {"sliding_attention", {{"rope_type", "linear"}, {"factor", 2}}}}}}));
  EXPECT_EQ(config.rope.factor, 2);

  // Of a type that no layer has, it does not matter.
  config = parse(changed({{"rope_theta", "-"},
                          {"layer_types", {"full_attention", "full_attention"}},
                          {"rope_parameters",
                           {{"full_attention", {{"rope_type", "default"}, {"rope_theta", 3e4}}},
                            {"a_sliding_attention", {{"rope_type", "default"}, {"rope_theta", 1e4}}}}}}));
  EXPECT_EQ(config.rope.theta, 3e4);
  EXPECT_TRUE(hasNote(config, "rope_parameters", Note::Kind::provenance));

  // Empty and null dictionaries are nothing.
  config = parse(changed({{"rope_scaling", json::object()}, {"rope_parameters", nullptr}}));
  EXPECT_EQ(config.rope.scaling, RopeScaling::none);
}

TEST(Config, RopeInterleaved) {
  EXPECT_EQ(parse(changed({{"rope_interleaved", true}})).rope.layout, RotaryLayout::interleaved);
  EXPECT_EQ(parse(changed({{"rope_interleave", true}})).rope.layout, RotaryLayout::interleaved);
  EXPECT_EQ(parse(changed({{"rope_interleaved", false}})).rope.layout, RotaryLayout::half);
}

TEST(Config, UselessRopeFieldIsAWarning) {
  ModelConfig config = parse(changed({{"rope_scaling", {{"rope_type", "linear"}, {"factor", 2}, {"beta_fast", 32}}}}));
  EXPECT_TRUE(findNote(config, "rope_scaling.beta_fast", Note::Kind::warning));
}

TEST(Config, TokenIds) {
  ModelConfig config = parse(changed({{"eos_token_id", {2, 3, 2}}, {"bos_token_id", nullptr}}));
  EXPECT_EQ(config.eosTokenIds, (std::vector<int32_t>{2, 3}));
  EXPECT_TRUE(config.bosTokenIds.empty());
  hf::mergeGenerationConfig(config, R"({"bos_token_id": 5, "eos_token_id": [3, 4], "temperature": 0.6})", "g.json");
  EXPECT_EQ(config.eosTokenIds, (std::vector<int32_t>{3, 4}));
  EXPECT_EQ(config.eosOrigins, (std::vector<std::string>(2, "g.json: eos_token_id")));
  EXPECT_EQ(config.bosTokenIds, std::vector<int32_t>{5});
  // What else the file asks for is said.
  const Note *defaults = findNote(config, "g.json", Note::Kind::provenance);
  ASSERT_TRUE(defaults);
  EXPECT_NE(defaults->text.find("temperature 0.6"), std::string::npos);
  EXPECT_FALSE(hasWarnings(config));
  hf::mergeGenerationConfig(config, R"({"suppress_tokens": [], "stop_strings": ["x"], "no_repeat_ngram_size": 0})",
                            "g.json");
  EXPECT_FALSE(findNote(config, "g.json: suppress_tokens", Note::Kind::warning));
  EXPECT_FALSE(findNote(config, "g.json: no_repeat_ngram_size", Note::Kind::warning));
  EXPECT_TRUE(findNote(config, "g.json: stop_strings", Note::Kind::warning));
  expectWords(errorOf([&] { hf::mergeGenerationConfig(config, R"({"eos_token_id": "x"})", "g.json"); }),
              {"g.json", "eos_token_id"});

  // Community configs hold -1, and ids of other tokenizers.
  config = parse(changed({{"bos_token_id", -1}, {"eos_token_id", {16, 7}}}));
  EXPECT_TRUE(config.bosTokenIds.empty());
  EXPECT_EQ(config.eosTokenIds, std::vector<int32_t>{7});
  EXPECT_TRUE(findNote(config, "bos_token_id", Note::Kind::warning));
  EXPECT_TRUE(findNote(config, "eos_token_id", Note::Kind::warning));
}

TEST(Config, DTypes) {
  EXPECT_EQ(parse(changed({{"torch_dtype", "bfloat16"}})).declaredDtype, DType::bf16);
  EXPECT_EQ(parse(changed({{"torch_dtype", "-"}, {"dtype", "float16"}})).declaredDtype, DType::f16);
  EXPECT_EQ(parse(changed({{"torch_dtype", "torch.bfloat16"}})).declaredDtype, DType::bf16);
  EXPECT_EQ(parse(changed({{"torch_dtype", "auto"}})).declaredDtype, std::nullopt);
  ModelConfig config = parse(changed({{"torch_dtype", "float16"}, {"dtype", "bfloat16"}}));
  EXPECT_EQ(config.declaredDtype, DType::bf16);
  EXPECT_TRUE(findNote(config, "torch_dtype", Note::Kind::warning));
}

TEST(Config, SwishIsSilu) { EXPECT_EQ(parse(changed({{"hidden_act", "swish"}})).activation, Activation::silu); }

TEST(Config, Relu) { EXPECT_EQ(parse(changed({{"hidden_act", "relu"}})).activation, Activation::relu); }

TEST(Config, NamesOfGeluByTanh) {
  for (const char *name : {"gelu_pytorch_tanh", "gelu_new", "gelu_fast"})
    EXPECT_EQ(parse(changed({{"hidden_act", name}})).activation, Activation::geluTanh) << name;
}

TEST(Config, HarmlessFieldsAreSilentUnknownOnesWarn) {
  ModelConfig config = parse(changed({{"transformers_version", "4.40.0"},
                                      {"use_cache", true},
                                      {"attention_dropout", 0.1},
                                      {"pad_token_id", -1},
                                      {"quantization_config", nullptr},
                                      {"partial_rotary_factor", 1.0},
                                      {"pretraining_tp", 1},
                                      {"layer_types", {"full_attention", "full_attention"}}}));
  EXPECT_FALSE(hasWarnings(config));
  config = parse(changed({{"brand_new_idea", {{"x", 1}}}, {"pretraining_tp", 2}, {"auto_map", json::object()}}));
  const Note *note = findNote(config, "brand_new_idea", Note::Kind::warning);
  ASSERT_TRUE(note);
  EXPECT_NE(note->text.find("{\"x\": 1}"), std::string::npos) << note->text;
  EXPECT_TRUE(findNote(config, "pretraining_tp", Note::Kind::warning));
  EXPECT_TRUE(findNote(config, "auto_map", Note::Kind::warning));
}

//===----------------------------------------------------------------------===//
// Refusals
//===----------------------------------------------------------------------===//

namespace {
struct Refusal {
  const char *name;
  /// What is merged into smallConfig().
  const char *changes;
  /// Words that the message must have, beside the path.
  std::vector<std::string> words;
  friend void PrintTo(const Refusal &value, std::ostream *out) { *out << value.name; }
};
class ConfigRefusal : public testing::TestWithParam<Refusal> {};
} // namespace

TEST_P(ConfigRefusal, NamesFieldFoundAndSupported) {
  std::vector<std::string> words = GetParam().words;
  words.push_back("some/tiny/config.json");
  expectWords(errorOf([] { parse(changed(json::parse(GetParam().changes))); }), words);
}

static const Refusal kRefusals[] = {
    // Missing.
    {"MissingHidden", R"({"hidden_size": "-"})", {"\"hidden_size\"", "missing", "1048576"}},
    {"NullHidden", R"({"hidden_size": null})", {"\"hidden_size\"", "missing"}},
    {"MissingIntermediate", R"({"intermediate_size": "-"})", {"\"intermediate_size\"", "missing"}},
    {"MissingLayers", R"({"num_hidden_layers": "-"})", {"\"num_hidden_layers\"", "missing"}},
    {"MissingHeads", R"({"num_attention_heads": "-"})", {"\"num_attention_heads\"", "missing"}},
    {"MissingVocab", R"({"vocab_size": "-"})", {"\"vocab_size\"", "missing"}},
    {"MissingModelType", R"({"model_type": "-", "architectures": "-"})", {"\"model_type\"", "missing", "llama"}},
    // Wrong type.
    {"StringHidden", R"({"hidden_size": "8"})", {"\"hidden_size\" is \"8\"", "integer from 1"}},
    {"FloatHidden", R"({"hidden_size": 8.5})", {"\"hidden_size\" is 8.5", "integer from 1"}},
    {"BoolHidden", R"({"hidden_size": true})", {"\"hidden_size\" is true", "integer from 1"}},
    {"ListHeads", R"({"num_attention_heads": [4]})", {"\"num_attention_heads\" is [4]", "integer"}},
    {"StringTheta", R"({"rope_theta": "1e4"})", {"\"rope_theta\" is \"1e4\"", "number"}},
    {"StringTie", R"({"tie_word_embeddings": "yes"})", {"\"tie_word_embeddings\" is \"yes\"", "true or false"}},
    {"NumberTie", R"({"tie_word_embeddings": 1})", {"\"tie_word_embeddings\" is 1", "true or false"}},
    {"NumberActivation", R"({"hidden_act": 3})", {"\"hidden_act\" is 3", "string"}},
    {"StringEos", R"({"eos_token_id": "</s>"})", {"\"eos_token_id\"", "token id"}},
    {"FloatEos", R"({"eos_token_id": [2, 2.5]})", {"\"eos_token_id\"", "token id"}},
    {"ObjectArchitectures", R"({"architectures": {}})", {"\"architectures\"", "list"}},
    {"TwoArchitectures", R"({"architectures": ["LlamaForCausalLM", "X"]})", {"\"architectures\"", "list of one"}},
    {"ListRopeScaling", R"({"rope_scaling": [1]})", {"\"rope_scaling\"", "object"}},
    {"NumberDType", R"({"torch_dtype": 32})", {"\"torch_dtype\"", "string"}},
    // Negative, zero, huge.
    {"NegativeHidden", R"({"hidden_size": -8})", {"\"hidden_size\" is -8", "from 1 to 1048576"}},
    {"ZeroHidden", R"({"hidden_size": 0})", {"\"hidden_size\" is 0", "from 1"}},
    {"ZeroLayers", R"({"num_hidden_layers": 0})", {"\"num_hidden_layers\" is 0"}},
    {"ZeroKvHeads", R"({"num_key_value_heads": 0})", {"\"num_key_value_heads\" is 0", "from 1"}},
    {"NegativeVocab", R"({"vocab_size": -1})", {"\"vocab_size\" is -1"}},
    {"HugeHidden", R"({"hidden_size": 1099511627776})", {"\"hidden_size\" is 1099511627776", "to 1048576"}},
    {"HugeLayers", R"({"num_hidden_layers": 18446744073709551615})", {"\"num_hidden_layers\"", "to 16384"}},
    {"BeyondSixtyFourBits", R"({"vocab_size": 99999999999999999999999})", {"\"vocab_size\"", "integer from 1"}},
    {"HugePositions", R"({"max_position_embeddings": 4000000000})", {"\"max_position_embeddings\"", "67108864"}},
    {"HugeHeads",
     R"({"num_attention_heads": 16384, "num_key_value_heads": 1, "head_dim": 16384})",
     {"\"head_dim\" is 16384", "16384", "1048576"}},
    {"ZeroEps", R"({"rms_norm_eps": 0})", {"\"rms_norm_eps\" is 0", "above 0"}},
    {"NegativeEps", R"({"rms_norm_eps": -1e-5})", {"\"rms_norm_eps\"", "above 0"}},
    {"HugeEps", R"({"rms_norm_eps": 2})", {"\"rms_norm_eps\" is 2", "at most 1"}},
    {"ZeroTheta", R"({"rope_theta": 0})", {"\"rope_theta\" is 0", "from 1"}},
    {"NegativeTheta", R"({"rope_theta": -10000})", {"\"rope_theta\" is -10000"}},
    {"HugeTheta", R"({"rope_theta": 1e300})", {"\"rope_theta\"", "1e15"}},
    {"ZeroWindow", R"({"sliding_window": 0})", {"\"sliding_window\" is 0", "from 1"}},
    {"ZeroTp", R"({"pretraining_tp": 0})", {"\"pretraining_tp\" is 0"}},
    // Contradictory.
    {"HeadsNotDivisible",
     R"({"num_key_value_heads": 3})",
     {"\"num_attention_heads\" is 4", "multiple of the 3", "\"num_key_value_heads\""}},
    {"MoreKvHeads", R"({"num_key_value_heads": 8})", {"\"num_attention_heads\" is 4", "multiple of the 8"}},
    {"OddHeadDim", R"({"head_dim": 5})", {"\"head_dim\" is 5", "even"}},
    {"OddDerivedHeadDim", R"({"hidden_size": 12})", {"\"head_dim\" is 3", "even"}},
    {"HiddenNotDivisible", R"({"hidden_size": 10})", {"\"hidden_size\" is 10", "multiple of the 4", "\"head_dim\""}},
    {"TypeAgainstArchitecture", R"({"model_type": "mistral"})", {"\"architectures\"", "mistral", "contradict"}},
    {"LayerTypesCount", R"({"layer_types": ["full_attention"]})", {"\"layer_types\"", "2 layers"}},
    // Not supported.
    // All that is supported is listed.
    {"OtherModelType",
     R"({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]})",
     {"\"model_type\" is \"gpt2\"", "only \"LlamaForCausalLM\" (model_type \"llama\"), ", "MistralForCausalLM",
      "Qwen2ForCausalLM", "\"Phi3ForCausalLM\" (model_type \"phi3\")", "use a model of one of these"}},
    {"OtherArchitecture",
     R"({"architectures": ["LlamaForSequenceClassification"]})",
     {"LlamaForSequenceClassification", "LlamaForCausalLM"}},
    {"Gelu",
     R"({"hidden_act": "gelu"})",
     {"\"hidden_act\" is \"gelu\"", "error function", "silu", "gelu_pytorch_tanh"}},
    {"Relu", R"({"hidden_act": "relu2"})", {"\"hidden_act\" is \"relu2\"", "silu"}},
    {"RopeYarnFactor",
     R"({"rope_scaling": {"type": "yarn", "factor": 0.5}})",
     {"\"rope_scaling.factor\" is 0.5", "from 1"}},
    {"RopeYarnBetas",
     R"({"rope_scaling": {"type": "yarn", "factor": 4, "beta_fast": 1, "beta_slow": 2}})",
     {"\"rope_scaling.beta_fast\"", "at least \"beta_slow\", which is 2"}},
    {"RopeYarnZeroBeta",
     R"({"rope_scaling": {"type": "yarn", "factor": 4, "beta_slow": 0}})",
     {"\"rope_scaling.beta_slow\" is 0", "above 0"}},
    {"RopeYarnBase",
     R"({"rope_theta": 1, "rope_scaling": {"type": "yarn", "factor": 4}})",
     {"\"yarn\" with a base of 1", "no frequencies"}},
    {"RopeYarnAmplitude",
     R"({"rope_scaling": {"type": "yarn", "factor": 4, "attention_factor": 0}})",
     {"\"rope_scaling.attention_factor\" is 0", "above 0"}},
    {"RopeDynamicNoFactor", R"({"rope_scaling": {"rope_type": "dynamic"}})", {"\"rope_scaling.factor\"", "missing"}},
    {"RopeLongropeNoList",
     R"({"rope_scaling": {"type": "longrope", "short_factor": [1]}})",
     {"\"rope_scaling.long_factor\"", "missing"}},
    {"RopeLongropeLength",
     R"({"rope_scaling": {"type": "longrope", "short_factor": [1, 2], "long_factor": [1]}})",
     {"\"rope_scaling.short_factor\" is [1, 2]", "a list of 1 numbers"}},
    {"RopeLongropeZero",
     R"({"rope_scaling": {"type": "longrope", "short_factor": [1], "long_factor": [0]}})",
     {"\"rope_scaling.long_factor\" is [0]", "above 0"}},
    {"RopeLongropeString",
     R"({"rope_scaling": {"type": "longrope", "short_factor": ["1"], "long_factor": [1]}})",
     {"\"rope_scaling.short_factor\""}},
    {"RopeLongropeFormsDisagree",
     R"({"rope_scaling": {"type": "longrope", "short_factor": [1], "long_factor": [1]},
         "rope_parameters": {"rope_type": "longrope", "short_factor": [1], "long_factor": [2]}})",
     {"\"rope_parameters\"", "\"rope_scaling\"", "longrope", "disagree"}},
    {"RopeUnknown",
     R"({"rope_parameters": {"rope_type": "spiral"}})",
     {"\"rope_parameters.rope_type\" is \"spiral\"", "linear"}},
    {"RopeNoType", R"({"rope_scaling": {"factor": 4}})", {"\"rope_scaling.rope_type\"", "missing"}},
    {"RopeTwoTypes",
     R"({"rope_scaling": {"type": "linear", "rope_type": "llama3", "factor": 4}})",
     {"\"rope_scaling.rope_type\" is \"llama3\"", "\"linear\""}},
    {"RopeLinearNoFactor", R"({"rope_scaling": {"type": "linear"}})", {"\"rope_scaling.factor\"", "missing"}},
    {"RopeSmallFactor",
     R"({"rope_scaling": {"type": "linear", "factor": 0.5}})",
     {"\"rope_scaling.factor\" is 0.5", "from 1"}},
    {"RopeHugeFactor", R"({"rope_scaling": {"type": "linear", "factor": 1e30}})", {"\"rope_scaling.factor\"", "1e6"}},
    {"RopeStringFactor",
     R"({"rope_scaling": {"type": "linear", "factor": "4"}})",
     {"\"rope_scaling.factor\" is \"4\"", "number"}},
    {"RopeLlama3NoLow",
     R"({"rope_scaling": {"type": "llama3", "factor": 8, "high_freq_factor": 4}})",
     {"\"rope_scaling.low_freq_factor\"", "missing"}},
    {"RopeLlama3Order",
     R"({"rope_scaling": {"type": "llama3", "factor": 8, "high_freq_factor": 1, "low_freq_factor": 4}})",
     {"\"rope_scaling.high_freq_factor\" is 1", "above", "4"}},
    {"RopeLlama3ZeroLow",
     R"({"rope_scaling": {"type": "llama3", "factor": 8, "high_freq_factor": 1, "low_freq_factor": 0}})",
     {"\"rope_scaling.low_freq_factor\" is 0", "above 0"}},
    {"RopeFormsDisagreeType",
     R"({"rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": {"rope_type": "default"}})",
     {"rope_parameters.rope_type", "default", "linear", "disagree"}},
    {"RopeFormsDisagreeFactor",
     R"({"rope_scaling": {"type": "linear", "factor": 2}, "rope_parameters": {"rope_type": "linear", "factor": 4}})",
     {"\"rope_parameters.factor\" is 4", "is 2", "disagree"}},
    {"RopeFormsDisagreeTheta",
     R"({"rope_parameters": {"rope_type": "default", "rope_theta": 5}})",
     {"\"rope_parameters.rope_theta\" is 5", "10000", "disagree"}},
    {"RopeByLayer",
     R"({"rope_parameters": {"full_attention": {"rope_theta": 10000.0}, "sliding_attention": {"rope_theta": 1}}})",
     {"\"rope_parameters\"", "\"full_attention\" and \"sliding_attention\"", "different rotary parameters"}},
    {"RopeByLayerBesideOthers",
     R"({"rope_parameters": {"rope_type": "default", "full_attention": {"rope_theta": 1}}})",
     {"\"rope_parameters\"", "\"rope_type\" stands beside", "layer type \"full_attention\""}},
    {"RopeByOtherLayer",
     R"({"layer_types": ["full_attention", "full_attention"],
         "rope_parameters": {"sliding_attention": {"rope_type": "default"}}})",
     {"\"rope_parameters\"", "no rotary parameters for the layer type \"full_attention\""}},
    {"RopeByLayerPartly",
     R"({"rope_parameters": {"full_attention": {"rope_type": "linear"}}})",
     {"\"rope_parameters.full_attention.factor\" is missing"}},
    {"RopePartInside",
     R"({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}})",
     {"\"rope_parameters.partial_rotary_factor\" is 0.5", "not supported"}},
    {"RopePart", R"({"partial_rotary_factor": 0.5})", {"\"partial_rotary_factor\" is 0.5", "not supported"}},
    {"InterleavedDisagree",
     R"({"rope_interleaved": true, "rope_interleave": false})",
     {"\"rope_interleaved\" is true", "rope_interleave"}},
    {"LlamaWindow", R"({"sliding_window": 16})", {"\"sliding_window\" is 16", "mistral"}},
    {"MixedLayers",
     R"({"layer_types": ["full_attention", "sliding_attention"]})",
     {"\"layer_types\"", "sliding_attention"}},
    {"Quantised",
     R"({"quantization_config": {"quant_method": "gptq", "bits": 4}})",
     {"\"quantization_config\"", "weights are quantised: \"gptq\", 4 bits;", "F32, F16 and BF16"}},
    {"QuantisedBitsandbytes",
     R"({"quantization_config": {"load_in_4bit": true, "bnb_4bit_quant_type": "nf4"}})",
     {"weights are quantised: bitsandbytes, 4 bits"}},
    {"QuantisedCompressed",
     R"({"quantization_config": {"quant_method": "compressed-tensors", "format": "float-quantized"}})",
     {"weights are quantised: \"compressed-tensors\", format \"float-quantized\""}},
    {"QuantisedMlx", R"({"quantization": {"group_size": 64, "bits": 4}})", {"\"quantization\"", "mlx, 4 bits"}},
    {"QuantisedOtherwise", R"({"compression_config": {"x": 1}})", {"\"compression_config\"", "{\"x\": 1}"}},
    {"QkNorm", R"({"qk_norm": true})", {"\"qk_norm\" is true", "not supported"}},
    {"LogitScale", R"({"logit_scale": 0.0625})", {"\"logit_scale\" is 0.0625", "not supported"}},
    {"Experts", R"({"num_local_experts": 8})", {"\"num_local_experts\" is 8", "mixture of experts"}},
    {"Float64", R"({"torch_dtype": "float64"})", {"\"torch_dtype\" is \"float64\"", "bfloat16"}},
    {"QwenNoBias",
     R"({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "attention_bias": false})",
     {"\"attention_bias\" is false", "a qwen2 model has biases of queries, keys and values"}},
    {"QwenMlpBias",
     R"({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "mlp_bias": true})",
     {"\"mlp_bias\" is true", "a qwen2 model has biases of queries, keys and values alone"}},
    {"QwenMultimodalRotary",
     R"({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "use_mrope": true})",
     {"\"use_mrope\" is true", "not supported"}},
    {"QwenLayerTypes",
     R"({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "layer_types": ["full_attention", "chunked"],
         "use_sliding_window": true, "sliding_window": 8})",
     {"\"layer_types\"", "\"full_attention\" or \"sliding_attention\""}},
    {"QwenSlidesWithoutWindow",
     R"({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"],
         "layer_types": ["full_attention", "sliding_attention"]})",
     {"\"layer_types\"", "no sliding window"}},
    {"QwenNegativeLayers",
     R"({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "max_window_layers": -1})",
     {"\"max_window_layers\" is -1", "integer from 0"}},
    {"MistralWindowLayers",
     R"({"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": 8, "max_window_layers": 1})",
     {"\"max_window_layers\" is 1", "all layers of a mistral model"}},
    {"LlamaQkvBias", R"({"qkv_bias": true})", {"\"qkv_bias\" is true", "not supported"}},
    {"PhiLongropeNewForm",
     R"({"model_type": "phi3", "architectures": ["Phi3ForCausalLM"],
         "rope_parameters": {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0]}})",
     {"\"rope_parameters.long_factor\"", "missing"}},
    {"PhiPartOfHeads",
     R"({"model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "partial_rotary_factor": 0.75})",
     {"\"partial_rotary_factor\" is 0.75", "not supported"}},
    {"PhiHeadBias",
     R"({"model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "lm_head_bias": true, "full_attn_mod": 1})",
     {"\"lm_head_bias\" is true", "a bias of the head"}},
    {"QwenDualChunks",
     R"({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "dual_chunk_attention_config": {"chunk_size": 8}})",
     {"\"dual_chunk_attention_config\" is {\"chunk_size\": 8}", "beyond the trained context"}},
    {"PhiBias",
     R"({"model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "attention_bias": true})",
     {"\"attention_bias\" is true", "a phi3 model has no biases"}},
    {"GemmaMlpBias",
     R"({"model_type": "gemma", "architectures": ["GemmaForCausalLM"], "mlp_bias": true})",
     {"\"mlp_bias\" is true", "a gemma model has no biases there"}},
    {"GemmaOtherActivation",
     R"({"model_type": "gemma", "architectures": ["GemmaForCausalLM"], "hidden_activation": "gelu"})",
     {"\"hidden_activation\" is \"gelu\"", "another activation"}},
    {"GemmaBothWays",
     R"({"model_type": "gemma", "architectures": ["GemmaForCausalLM"], "use_bidirectional_attention": true})",
     {"\"use_bidirectional_attention\" is true", "not supported"}},
    {"MistralBias",
     R"({"model_type": "mistral", "architectures": ["MistralForCausalLM"], "attention_bias": true})",
     {"\"attention_bias\" is true", "mistral"}},
};
INSTANTIATE_TEST_SUITE_P(All, ConfigRefusal, testing::ValuesIn(kRefusals),
                         [](const auto &info) { return info.param.name; });

namespace {
struct BadText {
  const char *name;
  std::string text;
  std::vector<std::string> words;
  friend void PrintTo(const BadText &value, std::ostream *out) { *out << value.name; }
};
class ConfigText : public testing::TestWithParam<BadText> {};
} // namespace

TEST_P(ConfigText, IsRefused) {
  std::vector<std::string> words = GetParam().words;
  words.push_back("some/tiny/config.json");
  expectWords(errorOf([] { hf::parseConfig(GetParam().text, "some/tiny/config.json"); }), words);
}

static const BadText kBadTexts[] = {
    {"Empty", "", {"not valid JSON"}},
    {"Truncated", smallConfig().dump().substr(0, 100), {"not valid JSON"}},
    {"Comment", "{ // hi\n}", {"not valid JSON"}},
    {"NaN", R"({"hidden_size": NaN})", {"not valid JSON"}},
    {"Trailing", "{} {}", {"not valid JSON"}},
    {"List", "[1, 2]", {"[1, 2]", "object"}},
    {"String", "\"config\"", {"object"}},
    {"Null", "null", {"object"}},
    {"TwiceTheSame", R"({"hidden_size": 8, "hidden_size": 16})", {"\"hidden_size\"", "twice"}},
    {"TwiceInside", R"({"rope_scaling": {"factor": 2, "factor": 4}})", {"\"factor\"", "twice"}},
    {"Deep", std::string(100000, '['), {"nested"}},
    {"DeepObjects",
     [] {
       std::string text;
       for (int i = 0; i < 1000; ++i)
         text += "{\"a\":";
       return text;
     }(),
     {"nested"}},
    {"InvalidUtf8", "{\"hidden_size\": \"\xff\xfe\"}", {"not valid JSON"}},
    {"NumberOverflow", R"({"rms_norm_eps": 1e999})", {"not valid JSON"}},
    {"ZeroByte", std::string("{\"a\0\": 1}", 9), {"not valid JSON"}},
};
INSTANTIATE_TEST_SUITE_P(All, ConfigText, testing::ValuesIn(kBadTexts),
                         [](const auto &info) { return info.param.name; });

TEST(Config, LongValuesAreCutInMessages) {
  std::string message = errorOf([] { parse(changed({{"hidden_act", std::string(100000, 'g')}})); });
  expectWords(message, {"hidden_act", "..."});
  message = errorOf([] { parse(changed({{"hidden_size", json(std::vector<int>(100000, 7))}})); });
  expectWords(message, {"hidden_size", "..."});
}

TEST(Config, FilesThatAreNotThere) {
  TempFolder folder;
  expectWords(errorOf([&] { hf::readConfig(folder.file("config.json")); }), {"config.json", "No such file"});
  expectWords(errorOf([&] { hf::readConfig(folder.path.string()); }), {"not a regular file"});
}

TEST(Config, GenerationConfigBesideIsMerged) {
  TempFolder folder;
  std::string path = folder.write("config.json", smallConfig().dump());
  folder.write("generation_config.json", R"({"eos_token_id": [2, 9]})");
  EXPECT_EQ(hf::readConfig(path).eosTokenIds, (std::vector<int32_t>{2, 9}));
  folder.write("generation_config.json", "{");
  expectWords(errorOf([&] { hf::readConfig(path); }), {"generation_config.json", "not valid JSON"});
  // A bare config of another name is alone.
  std::string other = folder.write("other.json", smallConfig().dump());
  EXPECT_EQ(hf::readConfig(other).name, "other");
}

TEST(Config, ReadsGoldens) {
  for (const auto &entry : std::filesystem::directory_iterator(QUIPU_TEST_SOURCE_DIR "/goldens")) {
    std::filesystem::path path = entry.path() / "config.json";
    if (!std::filesystem::exists(path))
      continue;
    ModelConfig config = hf::readConfig(path.string());
    EXPECT_EQ(config.name, entry.path().filename().string());
    EXPECT_FALSE(hasWarnings(config)) << path;
  }
}
