//===- ModelTest.cpp - Config and weights against each other -----------------------------===//

#include "Support.h"

#include "frontends/hf/Config.h"
#include "test/runtime/TestTokenizer.h"

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
    EXPECT_TRUE(symbols.insert(weight.name).second) << weight.name;
    if (weight.name == "layers.1.self_attn.q_proj") {
      EXPECT_EQ(weight.tensor, "layers.1.self_attn.q_proj");
      EXPECT_EQ(weight.shape, (std::vector<uint64_t>{24, 8}));
      EXPECT_EQ(weight.role, WeightRole::matrix);
    }
    if (weight.name == "layers.0.self_attn.k_proj.bias") {
      EXPECT_EQ(weight.tensor, "layers.0.self_attn.k_proj.bias");
      EXPECT_EQ(weight.shape, std::vector<uint64_t>{12});
      EXPECT_EQ(weight.role, WeightRole::bias);
    }
    if (weight.name == "layers.0.self_attn.o_proj")
      EXPECT_EQ(weight.shape, (std::vector<uint64_t>{8, 24}));
  }
  EXPECT_TRUE(symbols.contains("embed_tokens") && symbols.contains("norm"));
}

TEST(Model, OpensADirectory) {
  Directory directory;
  directory.tensor("model.norm.weight").dtype = "BF16"; // types may differ by tensor
  Model model = directory.open();
  EXPECT_EQ(weightsOf(model).tensors.size(), directory.tensors.size());
  EXPECT_EQ(weightsOf(model).find("norm")->format->name, "bf16");
  EXPECT_EQ(weightsOf(model).find("norm")->nameInFile, "model.norm.weight");
  EXPECT_EQ(model.config.name, directory.folder.path.filename().string());
  EXPECT_EQ(model.tokenizer.data.name, "");
}

TEST(Model, OpensABareConfig) {
  TempFolder folder;
  Model model = openModel(folder.write("config.json", smallConfig().dump()));
  EXPECT_FALSE(model.weights);
  EXPECT_EQ(model.config.hiddenSize, 8u);
}

TEST(Model, CorrectsTheIdsOfLlama1) {
  json config = smallConfig();
  config.update({{"vocab_size", 32000}, {"bos_token_id", 0}, {"eos_token_id", 1}});
  Directory directory(config);
  EXPECT_EQ(directory.open().config.eosTokenIds, std::vector<int32_t>{1});
  std::vector<uint8_t> tokenizer = testTokenizerModel();
  directory.folder.write("tokenizer.model", std::string(tokenizer.begin(), tokenizer.end()));
  // These conversions' tokenizers have no names.
  directory.folder.write("tokenizer_config.json", R"({"bos_token": "", "eos_token": "", "unk_token": "",
                                                      "tokenizer_class": "LLaMATokenizer"})");
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

// Test: buffers are left out whatever their type and place; parameters of similar names are not.
TEST(Model, IgnoresBuffersOfAnyType) {
  Directory directory;
  size_t count = directory.tensors.size();
  for (auto [name, dtype] : {std::pair("model.layers.0.self_attn.rotary_emb.cos_cached", "F32"),
                             {"model.layers.0.self_attn.rotary_emb.sin_cached", "F64"},
                             {"model.layers.0.self_attn.masked_bias", "F16"},
                             {"model.layers.0.self_attn.bias", "BOOL"},
                             {"model.layers.1.attn.bias", "U8"},
                             {"model.rotary_emb.original_inv_freq", "BF16"},
                             {"rope.freqs", "F8_E4M3"},
                             {"model.position_ids", "I64"},
                             {"model.causal_mask", "F32"}})
    directory.tensors.push_back({name, dtype, {2}});
  directory.tensors.push_back({"model.layers.1.self_attn.rotary_emb.inv_freq", "F64", {1}});
  Model model = directory.open();
  EXPECT_EQ(weightsOf(model).tensors.size(), count);
  EXPECT_TRUE(weightsOf(model).foreign.empty());
  EXPECT_TRUE(hasNote(model.config, "tensors", Note::Kind::provenance));
}

// Test: a prefix that all names have means nothing; it is left out, and a warning names it.
TEST(Model, DropsACommonPrefix) {
  struct Case {
    const char *body, *head;
  };
  for (Case c :
       {Case{"_orig_mod.model.", "_orig_mod.lm_head.weight"}, Case{"module.model.", "module.lm_head.weight"},
        Case{"base_model.model.model.", "base_model.model.lm_head.weight"},
        Case{"model.language_model.", "lm_head.weight"}, Case{"language_model.model.", "language_model.lm_head.weight"},
        Case{"model.model.", "model.lm_head.weight"}, Case{"", "lm_head.weight"}}) {
    SCOPED_TRACE(c.body);
    Directory directory;
    for (Tensor &tensor : directory.tensors)
      tensor.name = tensor.name == "lm_head.weight" ? c.head : c.body + tensor.name.substr(6);
    // What is left out has the prefix too.
    directory.tensors.push_back({concat(c.body, "rotary_emb.inv_freq"), "F64", {2}});
    Model model = directory.open();
    const WeightEntry *norm = weightsOf(model).find("norm");
    ASSERT_TRUE(norm);
    EXPECT_EQ(norm->nameInFile, concat(c.body, "norm.weight"));
    ASSERT_TRUE(weightsOf(model).find("lm_head"));
    EXPECT_EQ(weightsOf(model).find("lm_head")->nameInFile, c.head);
    EXPECT_TRUE(hasNote(model.config, "tensors", Note::Kind::warning));
  }
}

TEST(Model, PrefixesThatMeanSomething) {
  {
    // Beside a part for images.
    Directory directory;
    for (Tensor &tensor : directory.tensors)
      if (tensor.name != "lm_head.weight")
        tensor.name = "model.language_model." + tensor.name.substr(6);
    directory.tensors.push_back({"model.vision_tower.patch.weight", "F32", {2}});
    expectWords(directory.error(), {"a model for more than text"});
    directory.tensors.back().name = "model.other.weight";
    expectWords(directory.error(), {"unexpected tensor \"model.other.weight\""});
  }
  {
    // Two models.
    Directory directory;
    std::vector<Tensor> student = directory.tensors;
    for (Tensor &tensor : directory.tensors)
      tensor.name = "teacher." + tensor.name;
    for (Tensor &tensor : student)
      tensor.name = "student." + tensor.name;
    directory.tensors.insert(directory.tensors.end(), student.begin(), student.end());
    expectWords(directory.error(), {"of 2 models", "\"student.model.\"", "\"teacher.model.\""});
  }
  {
    // One tensor without the prefix.
    Directory directory;
    for (Tensor &tensor : directory.tensors)
      if (tensor.name != "model.norm.weight")
        tensor.name = "_orig_mod." + tensor.name;
    directory.open();
    directory.tensors.push_back({"_orig_mod.model.norm.weight", "F32", {8}});
    expectWords(directory.error(), {"both \"model.norm.weight\" and \"_orig_mod.model.norm.weight\""});
  }
  {
    Directory directory;
    directory.tensors.push_back({"model.layers.0.self_attn.q_proj.lora_A.weight", "F32", {2, 8}});
    expectWords(directory.error(), {"adapter (LoRA)", "merge_and_unload"});
  }
  {
    Directory directory;
    for (Tensor &tensor : directory.tensors)
      tensor.name = "tok_embeddings." + tensor.name;
    directory.tensors.resize(1);
    expectWords(directory.error(), {"Meta's layout; get its params.json"});
  }
}

// Test: quantised weights are named with their method, by names and types of tensors.
TEST(Model, QuantisedWeights) {
  struct Case {
    std::vector<Tensor> instead;
    const char *method;
  };
  const std::string q = "model.layers.0.self_attn.q_proj";
  for (const Case &c :
       {Case{{{q + ".qweight", "I32", {1, 8}}, {q + ".qzeros", "I32", {1, 1}}, {q + ".scales", "F16", {1, 8}}},
             "gptq, 4 bits"},
        Case{{{q + ".qweight", "I32", {1, 8}}, {q + ".g_idx", "I32", {8}}}, "gptq"},
        Case{{{q + ".qweight", "I32", {8, 1}}, {q + ".qzeros", "I32", {1, 1}}}, "awq"},
        Case{{{q + ".weight", "I8", {8, 8}}, {q + ".SCB", "F32", {8}}}, "bitsandbytes, 8 bits"},
        Case{{{q + ".weight", "U8", {32, 1}}, {q + ".weight.absmax", "F32", {1}}}, "bitsandbytes, 4 bits"},
        Case{{{q + ".weight", "F8_E4M3", {8, 8}}, {q + ".weight_scale", "F32", {1}}}, "fp8"},
        Case{{{q + ".weight", "I8", {8, 8}}, {q + ".weight_scale", "F32", {8}}}, "int8 (compressed-tensors)"},
        Case{{{q + ".weight", "F8_E4M3", {8, 8}}, {q + ".weight_scale_inv", "F32", {1, 1}}}, "fp8, in blocks"},
        Case{{{q + ".weight_packed", "I32", {8, 1}}, {q + ".weight_scale", "F16", {8, 1}}}, "compressed-tensors"},
        Case{{{q + ".weight", "U32", {8, 1}}, {q + ".scales", "F16", {8, 1}}, {q + ".biases", "F16", {8, 1}}}, "mlx"},
        Case{{{q + ".weight", "F8_E5M2", {8, 8}}}, "fp8"}}) {
    SCOPED_TRACE(c.method);
    Directory directory;
    directory.remove(q + ".weight");
    directory.tensors.insert(directory.tensors.end(), c.instead.begin(), c.instead.end());
    expectWords(
        directory.error(),
        {concat("the weights are quantised: ", c.method, " (tensor \"model.layers.0.self_attn"), "F32, F16 and BF16"});
  }
}

TEST(ExpectedWeights, AreSlicesOfFusedTensors) {
  json config = smallConfig();
  config["architectures"] = {"Phi3ForCausalLM"};
  config["model_type"] = "phi3";
  std::map<std::string, ExpectedWeight> weights;
  for (const ExpectedWeight &weight : expectedWeights(hf::parseConfig(config.dump(), "config.json")))
    weights[weight.name] = weight;
  using Shape = std::vector<uint64_t>;
  auto expectSlice = [&](const char *name, const char *tensor, uint64_t firstRow, Shape shape, Shape tensorShape) {
    const ExpectedWeight &weight = weights.at(name);
    EXPECT_EQ(weight.tensor, tensor) << name;
    EXPECT_EQ(weight.firstRow, firstRow) << name;
    EXPECT_EQ(weight.shape, shape) << name;
    EXPECT_EQ(weight.tensorShape, tensorShape) << name;
  };
  expectSlice("layers.1.self_attn.q_proj", "layers.1.self_attn.qkv_proj", 0, {8, 8}, {16, 8});
  expectSlice("layers.1.self_attn.k_proj", "layers.1.self_attn.qkv_proj", 8, {4, 8}, {16, 8});
  expectSlice("layers.1.self_attn.v_proj", "layers.1.self_attn.qkv_proj", 12, {4, 8}, {16, 8});
  expectSlice("layers.0.mlp.gate_proj", "layers.0.mlp.gate_up_proj", 0, {12, 8}, {24, 8});
  expectSlice("layers.0.mlp.up_proj", "layers.0.mlp.gate_up_proj", 12, {12, 8}, {24, 8});
  expectSlice("layers.0.mlp.down_proj", "layers.0.mlp.down_proj", 0, {8, 12}, {8, 12});

  Directory directory(config);
  EXPECT_EQ(weightsOf(directory.open()).find("layers.1.self_attn.qkv_proj")->nameInFile,
            "model.layers.1.self_attn.qkv_proj.weight");
  directory.tensor("model.layers.0.mlp.gate_up_proj.weight").shape = {12, 8};
  expectWords(directory.error(), {"\"model.layers.0.mlp.gate_up_proj.weight\"", "[12, 8]", "[24, 8]"});
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
    EXPECT_EQ(weightsOf(model).find("lm_head"), nullptr);
    EXPECT_TRUE(hasNote(model.config, "tie_word_embeddings", Note::Kind::provenance));
  }
  {
    // Stored twice, different: the config is wrong.
    Directory directory(config);
    directory.tensors.push_back({"lm_head.weight", "F32", {16, 8}, 'y'});
    Model model = directory.open();
    EXPECT_FALSE(model.config.tieWordEmbeddings);
    EXPECT_TRUE(weightsOf(model).find("lm_head"));
    EXPECT_TRUE(hasNote(model.config, "tie_word_embeddings", Note::Kind::warning));
  }
  {
    // Stored under the head's name alone.
    Directory directory(config);
    directory.tensor("model.embed_tokens.weight").name = "lm_head.weight";
    Model model = directory.open();
    EXPECT_TRUE(model.config.tieWordEmbeddings);
    ASSERT_TRUE(weightsOf(model).find("embed_tokens"));
    EXPECT_EQ(weightsOf(model).find("embed_tokens")->nameInFile, "lm_head.weight");
    EXPECT_EQ(weightsOf(model).find("lm_head"), nullptr);
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
  expectWords(directory.error(), {"model.safetensors", "\"odd\"", "\"I16\"", "F32, F16 and BF16"});
}

// Test: shards without an index are read whole or a missing one is named.
TEST(Model, ShardsWithoutAnIndex) {
  Directory directory;
  std::vector<Tensor> first(directory.tensors.begin(), directory.tensors.begin() + 5);
  std::vector<Tensor> rest(directory.tensors.begin() + 5, directory.tensors.end());
  const TempFolder &folder = directory.folder;
  auto open = [&] { return openModel(folder.path.string()); };
  folder.write("config.json", directory.config.dump());
  folder.write("model-00001-of-00002.safetensors", safetensorsFile(first));
  expectWords(errorOf(open), {"model-00002-of-00002.safetensors is missing", "1 of the 2 shards"});
  folder.write("model-00002-of-00002.safetensors", safetensorsFile(rest));
  Model model = open();
  EXPECT_EQ(weightsOf(model).tensors.size(), directory.tensors.size());
  EXPECT_EQ(weightsOf(model).files.size(), 2u);
  EXPECT_EQ(weightsOf(model).find("lm_head")->file, 1u);
  EXPECT_TRUE(hasNote(model.config, "weights", Note::Kind::warning));
  // A tensor in both.
  rest.push_back(first.front());
  folder.write("model-00002-of-00002.safetensors", safetensorsFile(rest));
  expectWords(errorOf(open), {"model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors too"});
  // Two sets.
  folder.write("model-00001-of-00003.safetensors", safetensorsFile(first));
  expectWords(errorOf(open), {"model.safetensors.index.json that tells which to read"});
}

TEST(Model, WeightsOfAnotherName) {
  Directory directory;
  directory.open();
  const TempFolder &folder = directory.folder;
  auto open = [&] { return openModel(folder.path.string()); };
  std::filesystem::rename(folder.file("model.safetensors"), folder.file("pytorch_model.safetensors"));
  Model model = open();
  EXPECT_EQ(weightsOf(model).tensors.size(), directory.tensors.size());
  EXPECT_TRUE(hasNote(model.config, "weights", Note::Kind::warning));
  folder.write("other.safetensors", "x");
  expectWords(errorOf(open), {"2 files of weights (other.safetensors, pytorch_model.safetensors)"});
}

TEST(Model, FilesThatAreMissing) {
  TempFolder folder;
  expectWords(errorOf([&] { openModel(folder.file("nowhere")); }), {"nowhere", "no such file", "config.json"});
  expectWords(errorOf([&] { openModel(folder.path.string()); }), {"no config.json"});
  folder.write("config.json", smallConfig().dump());
  expectWords(errorOf([&] { openModel(folder.path.string()); }), {"neither model.safetensors", "random weights"});
  folder.write("pytorch_model.bin", "x");
  expectWords(errorOf([&] { openModel(folder.path.string()); }), {"pytorch_model.bin", "convert"});
  std::filesystem::remove(folder.file("pytorch_model.bin"));
  std::filesystem::create_symlink("../../blobs/0123", folder.path / "model.safetensors");
  expectWords(errorOf([&] { openModel(folder.path.string()); }),
              {"model.safetensors: is a link to ../../blobs/0123, which is not there"});
  // Whatever the file is: what is supported.
  for (const char *content : {"x", "QUIPUPLN", "\x93NUMPY", "{}", ""})
    expectWords(errorOf([&] { openModel(folder.write("model.onnx", content)); }),
                {"model.onnx", "unknown model format", *content ? "; supported are" : "is empty"});
  // A link in a circle is there.
  std::filesystem::create_symlink("circle", folder.path / "circle");
  expectWords(errorOf([&] { openModel(folder.file("circle")); }), {"circle", "Too many levels of symbolic links"});
  // Also under another name.
  for (const char *name : {"a.gguf", "a.weights"})
    expectWords(errorOf([&] { openModel(folder.write(name, "GGUF\3")); }), {name, "the version", "truncated"});
  expectWords(errorOf([&] { openModel(folder.write("a.safetensors", safetensorsFile("{}", ""))); }),
              {"a.safetensors", "give the folder"});
}

// Test: what lies in a folder without weights or config is named, with what to do.
TEST(Model, FoldersThatAreNoModels) {
  struct Case {
    const char *file, *words;
    bool withConfig;
  };
  for (Case c :
       {Case{"adapter_model.safetensors", "adapter (LoRA)", true},
        Case{"consolidated.00.pth", "Meta's layout, whose params.json is missing", true},
        Case{"x-q4.gguf", "give that file itself", true}, Case{"tf_model.h5", "not supported", true},
        Case{"model.safetensors.incomplete", "did not finish", true},
        Case{"pytorch_model.bin.index.json", "convert", true}, Case{"params.json", "not valid JSON", false},
        Case{"consolidated.00.pth", "params.json", false}, Case{"adapter_config.json", "adapter (LoRA)", false},
        Case{"model_index.json", "diffusers", false}, Case{"x-q4.gguf", "give that file itself", false}}) {
    TempFolder folder;
    folder.write(c.file, "x");
    if (c.withConfig)
      folder.write("config.json", smallConfig().dump());
    expectWords(errorOf([&] { openModel(folder.path.string()); }), {c.words});
  }
  TempFolder hub;
  std::filesystem::create_directories(hub.path / "snapshots" / "abc");
  expectWords(errorOf([&] { openModel(hub.path.string()); }), {"hub's cache", "snapshots/abc"});
}

TEST(Model, ConfigsThatAreNone) {
  TempFolder folder;
  auto error = [&](const std::string &text) { return errorOf([&] { openModel(folder.write("config.json", text)); }); };
  expectWords(error("version https://git-lfs.github.com/spec/v1\n"), {"config.json", "Git LFS pointer"});
  expectWords(error("<html>"), {"config.json", "web page"});
  expectWords(error(""), {"config.json", "is empty"});
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
