//===- ModelTest.cpp - Config and weights against each other -----------------------------===//

#include "Support.h"

#include "frontends/hf/Config.h"

#include <set>

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;
using nlohmann::json;

namespace {
/// A model directory, to be bent.
struct Directory {
  explicit Directory(json config = smallConfig()) : config(std::move(config)) {
    tensors = tensorsOf(hf::parseConfig(this->config.dump(), "config.json"));
  }
  Model open() {
    folder.write("config.json", config.dump());
    folder.write("model.safetensors", safetensorsFile(tensors));
    return openModel(folder.path.string());
  }
  std::string error() {
    return errorOf([&] { open(); });
  }
  Tensor &tensor(const std::string &name) {
    for (Tensor &tensor : tensors)
      if (tensor.name == name)
        return tensor;
    throw std::logic_error("no tensor " + name);
  }
  void remove(const std::string &name) {
    std::erase_if(tensors, [&](const Tensor &tensor) { return tensor.name == name; });
  }

  TempFolder folder;
  json config;
  std::vector<Tensor> tensors;
};
} // namespace

/// The weights of a model that has some.
static const WeightIndex &weightsOf(const Model &model) {
  if (!model.weights)
    throw std::logic_error("no weights");
  return *model.weights;
}

static bool hasNote(const ModelConfig &config, std::string_view field, Note::Kind kind) {
  for (const Note &note : config.notes)
    if (note.field == field && note.kind == kind)
      return true;
  return false;
}

TEST(ExpectedWeights, FollowTheConfig) {
  json config = smallConfig();
  auto count = [&] { return expectedWeights(hf::parseConfig(config.dump(), "config.json")).size(); };
  EXPECT_EQ(count(), 3u + 2 * 9);
  config["tie_word_embeddings"] = true;
  EXPECT_EQ(count(), 2u + 2 * 9);
  config["attention_bias"] = true;
  EXPECT_EQ(count(), 2u + 2 * 13);
  config["mlp_bias"] = true;
  EXPECT_EQ(count(), 2u + 2 * 16);

  config["head_dim"] = 6;
  std::set<std::string> symbols;
  for (const ExpectedWeight &weight : expectedWeights(hf::parseConfig(config.dump(), "config.json"))) {
    EXPECT_TRUE(symbols.insert(weight.symbol).second) << weight.symbol;
    if (weight.symbol == "layers.1.self_attn.q_proj") {
      EXPECT_EQ(weight.tensor, "model.layers.1.self_attn.q_proj.weight");
      EXPECT_EQ(weight.shape, (std::vector<uint64_t>{24, 8}));
      EXPECT_EQ(weight.role, WeightRole::matrix);
    }
    if (weight.symbol == "layers.0.self_attn.k_proj.bias") {
      EXPECT_EQ(weight.tensor, "model.layers.0.self_attn.k_proj.bias");
      EXPECT_EQ(weight.shape, std::vector<uint64_t>{12});
      EXPECT_EQ(weight.role, WeightRole::bias);
    }
    if (weight.symbol == "layers.0.self_attn.o_proj")
      EXPECT_EQ(weight.shape, (std::vector<uint64_t>{8, 24}));
  }
  EXPECT_TRUE(symbols.contains("embed_tokens") && symbols.contains("norm"));
}

TEST(Model, OpensADirectory) {
  Directory directory;
  directory.tensor("model.norm.weight").dtype = "BF16"; // types may differ by tensor
  Model model = directory.open();
  EXPECT_EQ(weightsOf(model).tensors.size(), directory.tensors.size());
  EXPECT_EQ(weightsOf(model).find("model.norm.weight")->dtype, DType::bf16);
  EXPECT_EQ(weightsOf(model).find("model.norm.weight")->nameInFile, "model.norm.weight");
  EXPECT_EQ(model.config.name, directory.folder.path.filename().string());
  EXPECT_EQ(model.tokenizer.sentencePieceModel, "");
}

TEST(Model, OpensABareConfig) {
  TempFolder folder;
  Model model = openModel(folder.write("config.json", smallConfig().dump()));
  EXPECT_FALSE(model.weights);
  EXPECT_EQ(model.config.hiddenSize, 8u);
}

TEST(Model, FindsTheTokenizer) {
  Directory directory;
  std::string path = directory.folder.write("tokenizer.model", "bytes");
  Model model = directory.open();
  EXPECT_EQ(model.tokenizer.sentencePieceModel, path);
  EXPECT_TRUE(model.tokenizer.addBos);
  EXPECT_FALSE(model.tokenizer.addEos);
  directory.folder.write("tokenizer_config.json", R"({"add_bos_token": false, "add_eos_token": true})");
  model = directory.open();
  EXPECT_FALSE(model.tokenizer.addBos);
  EXPECT_TRUE(model.tokenizer.addEos);
  directory.folder.write("tokenizer_config.json", R"({"add_bos_token": 1})");
  expectWords(directory.error(), {"tokenizer_config.json", "\"add_bos_token\" is 1", "true or false"});
}

TEST(Model, CorrectsTheIdsOfLlama1) {
  json config = smallConfig();
  config.update({{"vocab_size", 32000}, {"bos_token_id", 0}, {"eos_token_id", 1}});
  Directory directory(config);
  EXPECT_EQ(directory.open().config.eosTokenIds, std::vector<int32_t>{1});
  directory.folder.write("tokenizer.model", "bytes");
  Model model = directory.open();
  EXPECT_EQ(model.config.bosTokenIds, std::vector<int32_t>{1});
  EXPECT_EQ(model.config.eosTokenIds, std::vector<int32_t>{2});
  EXPECT_TRUE(hasNote(model.config, "eos_token_id", Note::Kind::warning));
}

TEST(Model, IgnoresStoredInverseFrequencies) {
  Directory directory;
  directory.tensors.push_back({"model.layers.1.self_attn.rotary_emb.inv_freq", "F32", {1}});
  EXPECT_EQ(weightsOf(directory.open()).find("model.layers.1.self_attn.rotary_emb.inv_freq"), nullptr);
}

TEST(Model, TiedHead) {
  json config = smallConfig();
  config["tie_word_embeddings"] = true;
  {
    Directory directory(config);
    EXPECT_TRUE(directory.open().config.tieWordEmbeddings);
  }
  {
    // Stored twice, equal.
    Directory directory(config);
    directory.tensors.push_back({"lm_head.weight", "F32", {16, 8}});
    Model model = directory.open();
    EXPECT_TRUE(model.config.tieWordEmbeddings);
    EXPECT_EQ(weightsOf(model).find("lm_head.weight"), nullptr);
    EXPECT_TRUE(hasNote(model.config, "tie_word_embeddings", Note::Kind::provenance));
  }
  {
    // Stored twice, different: the config is wrong.
    Directory directory(config);
    directory.tensors.push_back({"lm_head.weight", "F32", {16, 8}, 'y'});
    Model model = directory.open();
    EXPECT_FALSE(model.config.tieWordEmbeddings);
    EXPECT_TRUE(weightsOf(model).find("lm_head.weight"));
    EXPECT_TRUE(hasNote(model.config, "tie_word_embeddings", Note::Kind::warning));
  }
  {
    // Stored under the head's name alone.
    Directory directory(config);
    directory.tensor("model.embed_tokens.weight").name = "lm_head.weight";
    Model model = directory.open();
    EXPECT_TRUE(model.config.tieWordEmbeddings);
    ASSERT_TRUE(weightsOf(model).find("model.embed_tokens.weight"));
    EXPECT_EQ(weightsOf(model).find("model.embed_tokens.weight")->nameInFile, "lm_head.weight");
    EXPECT_EQ(weightsOf(model).find("lm_head.weight"), nullptr);
  }
}

TEST(Model, MissingTensor) {
  Directory directory;
  directory.remove("model.layers.1.mlp.up_proj.weight");
  expectWords(directory.error(), {"\"model.layers.1.mlp.up_proj.weight\"", "missing"});
  directory.remove("model.norm.weight");
  expectWords(directory.error(), {"\"model.layers.1.mlp.up_proj.weight\" (and 1 more)", "missing"});

  Directory untied;
  untied.remove("lm_head.weight");
  expectWords(untied.error(), {"\"lm_head.weight\"", "missing", "tie_word_embeddings"});
}

TEST(Model, ExtraTensor) {
  Directory directory;
  directory.tensors.push_back({"model.layers.2.mlp.up_proj.weight", "F32", {12, 8}});
  expectWords(directory.error(),
              {"model.safetensors", "\"model.layers.2.mlp.up_proj.weight\"", "unexpected", "[12, 8]"});
  directory.tensors.back() = {"model.layers.0.self_attn.q_proj.bias", "F32", {8}};
  expectWords(directory.error(), {"q_proj.bias", "\"attention_bias\""});
  directory.tensors.back() = {"model.layers.0.mlp.up_proj.bias", "F32", {12}};
  expectWords(directory.error(), {"up_proj.bias", "\"mlp_bias\""});
}

TEST(Model, WrongShape) {
  Directory directory;
  directory.tensor("model.layers.0.self_attn.k_proj.weight").shape = {8, 4};
  expectWords(directory.error(),
              {"model.safetensors", "\"model.layers.0.self_attn.k_proj.weight\"", "[8, 4]", "[4, 8]"});
  Directory flat;
  flat.tensor("model.embed_tokens.weight").shape = {128};
  expectWords(flat.error(), {"\"model.embed_tokens.weight\"", "[128]", "[16, 8]"});
}

TEST(Model, WrongDtype) {
  Directory directory;
  directory.tensors.push_back({"odd", "I16", {4}});
  expectWords(directory.error(), {"\"odd\"", "\"I16\"", "F32, F16 and BF16"});
}

TEST(Model, FilesThatAreMissing) {
  TempFolder folder;
  expectWords(errorOf([&] { openModel(folder.file("nowhere")); }), {"nowhere", "no such file", "config.json"});
  expectWords(errorOf([&] { openModel(folder.path.string()); }), {"no config.json"});
  folder.write("config.json", smallConfig().dump());
  expectWords(errorOf([&] { openModel(folder.path.string()); }), {"neither model.safetensors", "random weights"});
  folder.write("pytorch_model.bin", "x");
  expectWords(errorOf([&] { openModel(folder.path.string()); }), {"pytorch_model.bin", "convert"});
  expectWords(errorOf([&] { openModel(folder.write("model.onnx", "x")); }), {"model.onnx", "unknown model format"});
}

TEST(Model, OpensEveryGolden) {
  int count = 0;
  for (const auto &entry : std::filesystem::directory_iterator(QUIPU_TEST_SOURCE_DIR "/goldens")) {
    if (!std::filesystem::exists(entry.path() / "config.json"))
      continue;
    Model model = openModel(entry.path().string());
    for (const ExpectedWeight &weight : expectedWeights(model.config))
      EXPECT_TRUE(weightsOf(model).find(weight.tensor)) << weight.tensor;
    ++count;
  }
  EXPECT_GE(count, 10);
}
