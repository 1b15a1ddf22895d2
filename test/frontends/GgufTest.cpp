//===- GgufTest.cpp - Models in GGUF -----------------------------------------------------===//

#include "GgufFile.h"
#include "Support.h"

#include "frontends/gguf/File.h"
#include "frontends/gguf/Model.h"
#include "runtime/text/Tokenizer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;
using Type = GgufFile::Type;

namespace {

/// Opens a file's bytes under a name in a folder of its own.
struct Opened {
  explicit Opened(const GgufFile &file, const std::string &name = "model.gguf")
      : model(openModel(folder.write(name, file.bytes()))) {}
  const WeightIndex &weights() const { return *model.weights; }

  TempFolder folder;
  Model model;
};

/// What a file is refused for.
struct Refusal {
  const char *name;
  void (*bend)(GgufFile &file);
  std::vector<std::string> words;
};

class GgufRefusal : public testing::TestWithParam<Refusal> {};

} // namespace

TEST(Gguf, OpensALlama) {
  GgufFile file = smallGguf();
  file.set("llama.rope.freq_base", 500000.0f);
  file.set("llama.vocab_size", 16u);
  Opened opened(file, "small.gguf");
  const ModelConfig &config = opened.model.config;
  EXPECT_EQ(config.name, "small");
  EXPECT_EQ(config.architecture, "LlamaForCausalLM");
  EXPECT_EQ(config.hiddenSize, 8u);
  EXPECT_EQ(config.intermediateSize, 12u);
  EXPECT_EQ(config.numLayers, 2u);
  EXPECT_EQ(config.numHeads, 4u);
  EXPECT_EQ(config.numKvHeads, 2u);
  EXPECT_EQ(config.headDim, 2u);
  EXPECT_EQ(config.vocabSize, 16u);
  EXPECT_EQ(config.maxPositionEmbeddings, 64u);
  EXPECT_EQ(config.rmsNormEps, double(1e-5f));
  EXPECT_EQ(config.rope.theta, 500000);
  EXPECT_EQ(config.rope.layout, RotaryLayout::interleaved);
  EXPECT_EQ(config.rope.scaling, RopeScaling::none);
  EXPECT_FALSE(config.tieWordEmbeddings);
  EXPECT_FALSE(config.attentionBias || config.attentionOutputBias || config.mlpBias);
  EXPECT_EQ(config.slidingWindow, 0u);
  EXPECT_FALSE(opened.model.tokenizer.data.exists());

  EXPECT_EQ(opened.weights().tensors.size(), file.tensors.size());
  const WeightEntry &entry = *opened.weights().find("layers.1.mlp.gate_proj");
  EXPECT_EQ(entry.nameInFile, "blk.1.ffn_gate.weight");
  EXPECT_EQ(entry.shape, (std::vector<uint64_t>{12, 8}));
  EXPECT_EQ(entry.format->name, "f32");
  EXPECT_EQ(entry.size, 12u * 8 * 4);
  EXPECT_EQ(entry.offset % 32, 0u);
}

TEST(Gguf, ReadsVersion2) {
  GgufFile file = smallGguf();
  file.version = 2;
  EXPECT_EQ(Opened(file).model.config.numLayers, 2u);
}

TEST(Gguf, OpensQwen2AndPhi3) {
  Opened qwen2(smallGguf("qwen2"));
  EXPECT_EQ(qwen2.model.config.architecture, "Qwen2ForCausalLM");
  EXPECT_EQ(qwen2.model.config.rope.layout, RotaryLayout::half);
  EXPECT_TRUE(qwen2.model.config.attentionBias);
  EXPECT_EQ(qwen2.weights().find("layers.0.self_attn.q_proj.bias")->nameInFile, "blk.0.attn_q.bias");

  GgufFile file = smallGguf("phi3");
  file.set("phi3.attention.sliding_window", 24u);
  Opened phi3(file);
  EXPECT_EQ(phi3.model.config.architecture, "Phi3ForCausalLM");
  EXPECT_EQ(phi3.model.config.rope.layout, RotaryLayout::half);
  EXPECT_EQ(phi3.model.config.slidingWindow, 24u);
  EXPECT_EQ(phi3.weights().find("layers.0.self_attn.qkv_proj")->nameInFile, "blk.0.attn_qkv.weight");
  EXPECT_EQ(phi3.weights().find("layers.0.mlp.gate_up_proj")->shape, (std::vector<uint64_t>{24, 8}));
}

TEST(Gguf, WithoutAHeadItIsTheEmbedding) {
  GgufFile file = smallGguf();
  file.remove("output.weight");
  Opened opened(file);
  EXPECT_TRUE(opened.model.config.tieWordEmbeddings);
  EXPECT_TRUE(hasNote(opened.model.config, "output.weight", Note::Kind::provenance));
}

TEST(Gguf, BiasesFollowTheTensors) {
  GgufFile file = smallGguf();
  for (int layer = 0; layer < 2; ++layer)
    for (auto [name, size] : {std::pair("attn_q", 8), {"attn_k", 4}, {"attn_v", 4}})
      file.tensors.push_back(
          {concat("blk.", layer, ".", name, ".bias"), {uint64_t(size)}, 0, std::string(size * 4, 0), std::nullopt});
  Opened opened(file);
  EXPECT_TRUE(opened.model.config.attentionBias);
  EXPECT_FALSE(opened.model.config.attentionOutputBias);
}

TEST(Gguf, DefaultsComeWithNotes) {
  GgufFile file = smallGguf();
  file.remove("llama.attention.head_count_kv");
  for (const char *name : {"attn_k", "attn_v"})
    for (int layer = 0; layer < 2; ++layer) {
      GgufFile::Tensor &tensor = file.tensor(concat("blk.", layer, ".", name, ".weight"));
      tensor.shape[0] = 8;
      tensor.data.resize(8 * 8 * 4);
    }
  const ModelConfig config = Opened(file).model.config;
  EXPECT_EQ(config.numKvHeads, 4u);
  EXPECT_EQ(config.rope.theta, 10000);
  for (const char *key :
       {"llama.attention.head_count_kv", "llama.attention.key_length", "llama.rope.freq_base", "tokenizer.ggml.model"})
    EXPECT_TRUE(hasNote(config, key, Note::Kind::provenance)) << key;
}

// Test: integers of any type are read; unknown keys are told, harmless ones are not, and equal values for all layers
// are one.
TEST(Gguf, Keys) {
  GgufFile file = smallGguf();
  file.set(GgufFile::key("llama.block_count", Type::u64, bytesOf(uint64_t(2))));
  file.set(GgufFile::key("llama.attention.head_count", Type::u8, bytesOf(uint8_t(4))));
  file.setList<int32_t>("llama.attention.head_count_kv", Type::i32, {2, 2});
  file.set("llama.something_new", 1u);
  file.set("other.key", "x");
  file.set("general.name", "A model");
  file.set("llama.logit_scale", 1.0f);
  file.set("llama.use_parallel_residual", false);
  const ModelConfig config = Opened(file).model.config;
  EXPECT_EQ(config.numHeads, 4u);
  EXPECT_EQ(config.numKvHeads, 2u);
  EXPECT_TRUE(hasNote(config, "llama.something_new", Note::Kind::warning));
  EXPECT_TRUE(hasNote(config, "other.key", Note::Kind::warning));
  EXPECT_FALSE(hasNote(config, "general.name", Note::Kind::warning));
  EXPECT_FALSE(hasNote(config, "llama.logit_scale", Note::Kind::warning));
}

TEST(Gguf, LinearScaling) {
  GgufFile file = smallGguf();
  file.set("llama.rope.scaling.type", "linear");
  file.set("llama.rope.scaling.factor", 4.0f);
  EXPECT_EQ(Opened(file).model.config.rope.scaling, RopeScaling::linear);
  EXPECT_EQ(Opened(file).model.config.rope.factor, 4);
  // As files of 2023 have it.
  file = smallGguf();
  file.set("llama.rope.scale_linear", 2.0f);
  EXPECT_EQ(Opened(file).model.config.rope.factor, 2);
  file.set("llama.rope.scaling.type", "none");
  EXPECT_EQ(Opened(file).model.config.rope.scaling, RopeScaling::none);
  EXPECT_TRUE(hasNote(Opened(file).model.config, "llama.rope.scaling.factor", Note::Kind::warning));
}

// Test: as transformers' yarn for a head of two elements: the frequency 1 turns 10 times in 64 positions, which lies
// between 1 and 32 times. What is mixed there, test/e2e/gguf-dense.test compares.
TEST(Gguf, Yarn) {
  GgufFile file = smallGguf();
  file.set("llama.rope.scaling.type", "yarn");
  file.set("llama.rope.scaling.factor", 4.0f);
  file.set("llama.rope.scaling.original_context_length", 16u);
  const Rope rope = Opened(file).model.config.rope;
  EXPECT_EQ(rope.scaling, RopeScaling::none);
  EXPECT_EQ(rope.divisors.size(), 1u);
  EXPECT_NEAR(rope.amplitude, 1 + 0.1 * std::log(4), 1e-12);
  file.set("llama.rope.scaling.attn_factor", 0.5f);
  EXPECT_NEAR(Opened(file).model.config.rope.amplitude, 0.5 + 0.05 * std::log(4), 1e-12);
}

TEST(Gguf, LongRope) {
  GgufFile file = smallGguf("phi3");
  file.tensors.push_back({"rope_factors_short.weight", {1}, 0, bytesOf(1.5f), std::nullopt});
  file.tensors.push_back({"rope_factors_long.weight", {1}, 0, bytesOf(3.0f), std::nullopt});
  file.set("phi3.rope.scaling.original_context_length", 32u);
  file.set("phi3.rope.scaling.attn_factor", 1.25f);
  const Rope rope = Opened(file).model.config.rope;
  EXPECT_EQ(rope.divisors, std::vector<double>{1.5});
  EXPECT_EQ(rope.longDivisors, std::vector<double>{3});
  EXPECT_EQ(rope.shortContext, 32u);
  EXPECT_EQ(rope.amplitude, 1.25);
}

TEST(Gguf, DivisorsOfFrequencies) {
  GgufFile file = smallGguf();
  file.tensors.push_back({"rope_freqs.weight", {1}, 0, bytesOf(2.5f), std::nullopt});
  Opened first(file);
  EXPECT_EQ(first.model.config.rope.divisors, std::vector<double>{2.5});
  EXPECT_FALSE(first.weights().find("rope_freqs.weight"));
  // They are in the code of a plan, so a file with others is another file.
  file.tensors.back().data = bytesOf(3.5f);
  Opened second(file);
  EXPECT_NE(first.weights().files[0].headerHash, second.weights().files[0].headerHash);
}

TEST(Gguf, TheHashIsOfTheHeaderAlone) {
  GgufFile file = smallGguf();
  Opened first(file);
  EXPECT_EQ(first.weights().files[0].header, (std::vector<ByteRange>{{0, file.header().size()}}));
  file.tensor("token_embd.weight").data[0] ^= 1;
  EXPECT_EQ(Opened(file).weights().files[0].headerHash, first.weights().files[0].headerHash);
  file.set("general.name", "other");
  EXPECT_NE(Opened(file).weights().files[0].headerHash, first.weights().files[0].headerHash);
}

TEST(Gguf, BlocksOfWeights) {
  GgufFile file = smallGguf();
  file.set("llama.embedding_length", 64u);
  file.set("llama.attention.key_length", 2u);
  for (GgufFile::Tensor &tensor : file.tensors) {
    if (tensor.shape.back() == 8)
      tensor.shape.back() = 64;
    if (tensor.name.ends_with("attn_output.weight") || tensor.name.ends_with("ffn_down.weight"))
      tensor.shape.front() = 64;
    if (tensor.name.ends_with("attn_output.weight"))
      tensor.shape.back() = 8;
    tensor.data.assign(tensor.shape[0] * (tensor.shape.size() > 1 ? tensor.shape[1] : 1) * 4, 0);
  }
  GgufFile::Tensor &q8 = file.tensor("blk.0.attn_q.weight"), &q4 = file.tensor("token_embd.weight");
  q8.type = 8;
  q8.data.resize(8 * 64 / 32 * 34);
  q4.type = 2;
  q4.data.resize(16 * 64 / 32 * 18);
  file.tensor("blk.0.attn_k.weight").type = 1;
  file.tensor("blk.0.attn_v.weight").type = 30;
  file.set("general.quantization_version", 2u);
  Opened opened(file);
  EXPECT_EQ(opened.weights().find("layers.0.self_attn.q_proj")->format->name, "q8_0");
  EXPECT_EQ(opened.weights().find("layers.0.self_attn.q_proj")->size, 8u * 64 / 32 * 34);
  EXPECT_EQ(opened.weights().find("embed_tokens")->format->name, "q4_0");
  EXPECT_EQ(opened.weights().find("layers.0.self_attn.k_proj")->format->name, "f16");
  EXPECT_EQ(opened.weights().find("layers.0.self_attn.v_proj")->format->name, "bf16");
  TempFolder folder;
  file.set("general.quantization_version", 1u);
  expectWords(errorOf([&] { openModel(folder.write("m.gguf", file.bytes())); }),
              {"general.quantization_version", " is 1 ", "only version 2"});
  file.set("general.quantization_version", 2u);
  q8.shape = {16, 32};
  q8.shape.back() = 16;
  expectWords(errorOf([&] { openModel(folder.write("m.gguf", file.bytes())); }),
              {"blk.0.attn_q.weight", "rows of 16 values", "no whole blocks of q8_0"});
}

// Test: a file of 20 GiB, of which there is nothing but the header, opens as quickly as a small one.
TEST(Gguf, OpensABigFileAtOnce) {
  GgufFile file = smallGguf();
  GgufFile::Tensor &embedding = file.tensors.front();
  ASSERT_EQ(embedding.name, "token_embd.weight");
  // At the end of the file.
  std::rotate(file.tensors.begin(), file.tensors.begin() + 1, file.tensors.end());
  file.tensors.back().shape[0] = uint64_t(1) << 26;
  file.tensor("output.weight").shape[0] = uint64_t(1) << 26;
  file.tensor("output.weight").offset = uint64_t(4) << 30;
  file.tensors.back().offset = uint64_t(8) << 30;
  TempFolder folder;
  std::string path = folder.write("big.gguf", file.bytes());
  std::filesystem::resize_file(path, uint64_t(20) << 30);
  auto start = std::chrono::steady_clock::now();
  Model model = openModel(path);
  auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(model.config.vocabSize, 1u << 26);
  EXPECT_LT(seconds, 0.5);
}

TEST(Gguf, Tokenizer) {
  GgufFile file = smallGguf();
  addTokenizer(file);
  file.set("tokenizer.ggml.eot_token_id", 5u);
  Opened opened(file);
  const ModelConfig &config = opened.model.config;
  EXPECT_EQ(config.bosTokenIds, std::vector<int32_t>{1});
  EXPECT_EQ(config.eosTokenIds, (std::vector<int32_t>{2, 5}));
  EXPECT_EQ(config.eosOrigins,
            (std::vector<std::string>{"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}));
  auto tokenizer = quipu::Tokenizer::fromData(opened.model.tokenizer.data);
  // The space in front, a merge, and a byte.
  EXPECT_EQ(tokenizer->encode("ab"), (std::vector<int32_t>{1, 260}));
  EXPECT_EQ(tokenizer->encode("b\n"), (std::vector<int32_t>{1, 264, 263, 3 + '\n'}));
  EXPECT_EQ(opened.model.tokenizer.end, 2);

  file.set("tokenizer.ggml.add_bos_token", false);
  file.set("tokenizer.ggml.add_space_prefix", false);
  tokenizer = quipu::Tokenizer::fromData(Opened(file).model.tokenizer.data);
  EXPECT_EQ(tokenizer->encode("ab"), std::vector<int32_t>{261});
}

// Test: user-defined tokens of a SentencePiece tokenizer are found first, and a text behind one or behind a special
// token begins with a space. In models of the name Phi-3 such tokens take the spaces to their right with them.
TEST(Gguf, TokensBesidePieces) {
  GgufFile file = smallGguf();
  addTokenizer(file, {"[U]"});
  auto encode = [&](std::string_view text) {
    Opened opened(file);
    return quipu::Tokenizer::fromData(opened.model.tokenizer.data)->encode(text, quipu::SpecialTokens::asTokens);
  };
  EXPECT_EQ(encode("[U]ab"), (std::vector<int32_t>{1, 265, 260}));
  EXPECT_EQ(encode("ab</s>ab"), (std::vector<int32_t>{1, 260, 2, 260}));
  EXPECT_EQ(encode("[U]\nab"), (std::vector<int32_t>{1, 265, 264, 3 + '\n', 261}));
  file.set("general.name", "My Phi-3 mini");
  EXPECT_EQ(encode("[U] \n ab"), (std::vector<int32_t>{1, 265, 260}));
  EXPECT_EQ(encode("</s>  ab"), (std::vector<int32_t>{1, 2, 260}));
  EXPECT_EQ(encode("<s> ab"), (std::vector<int32_t>{1, 1, 264, 260}));
}

namespace {
/// A byte-level tokenizer of nine tokens.
void addByteLevelTokenizer(GgufFile &file) {
  file.set("tokenizer.ggml.model", "gpt2");
  file.set("tokenizer.ggml.pre", "llama-bpe");
  file.set("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "Ġ", "ab", "Ġab", "1", "<s>", "</s>", "[USER]"});
  file.set("tokenizer.ggml.merges", std::vector<std::string>{"a b", "Ġ ab"});
  file.setList("tokenizer.ggml.token_type", Type::i32, std::vector<int32_t>{1, 1, 1, 1, 1, 1, 3, 3, 4});
  file.set("tokenizer.ggml.bos_token_id", 6u);
  file.set("tokenizer.ggml.eos_token_id", 7u);
}
} // namespace

// Test: chat templates, with a tokenizer of each kind and without one.
TEST(Gguf, ChatTemplates) {
  using Templates = std::vector<ChatTemplate>;
  GgufFile file = smallGguf();
  file.set("tokenizer.chat_template", "{{ messages }}");
  file.set("tokenizer.chat_templates", std::vector<std::string>{"rag", "missing"});
  file.set("tokenizer.chat_template.rag", "B");
  Templates expected = {{"default", "{{ messages }}", "tokenizer.chat_template"},
                        {"rag", "B", "tokenizer.chat_template.rag"}};
  EXPECT_EQ(Opened(file).model.tokenizer.data.chatTemplates, expected);
  addTokenizer(file);
  EXPECT_EQ(Opened(file).model.tokenizer.data.chatTemplates, expected);
  file.set("tokenizer.ggml.model", "gpt2");
  file.set("tokenizer.ggml.pre", "llama-bpe");
  file.set("tokenizer.ggml.merges", std::vector<std::string>{});
  EXPECT_EQ(Opened(file).model.tokenizer.data.chatTemplates, expected);
  file.set("tokenizer.chat_template", "\xff");
  expectWords(errorOf([&] { Opened{file}; }), {"tokenizer.chat_template", "not UTF-8"});
}

// Test: control tokens are special, user-defined ones are found in any text, and `pre` says whether BOS is put in
// front.
TEST(Gguf, ByteLevelTokenizer) {
  GgufFile file = smallGguf();
  addByteLevelTokenizer(file);
  auto open = [&] { return quipu::Tokenizer::fromData(Opened(file).model.tokenizer.data); };
  auto tokenizer = open();
  EXPECT_EQ(tokenizer->encode("ab ab[USER]1</s>", quipu::SpecialTokens::asTokens),
            (std::vector<int32_t>{6, 3, 4, 8, 5, 7}));
  EXPECT_EQ(tokenizer->encode("ab</s>"), (std::vector<int32_t>{6, 3}));
  EXPECT_EQ(tokenizer->decode(std::vector<int32_t>{6, 3, 4, 8, 7}), "ab ab[USER]");
  EXPECT_EQ(Opened(file).model.tokenizer.end, 7);
  file.set("tokenizer.ggml.add_bos_token", false);
  file.set("tokenizer.ggml.add_space_prefix", true);
  EXPECT_EQ(open()->encode("ab"), (std::vector<int32_t>{4}));
  file.set("tokenizer.ggml.pre", "gpt-2");
  file.remove("tokenizer.ggml.add_bos_token");
  EXPECT_EQ(open()->encode("ab"), (std::vector<int32_t>{4}));
  file.remove("tokenizer.ggml.pre");
  Opened without(file);
  EXPECT_TRUE(hasNote(without.model.config, "tokenizer.ggml.pre", Note::Kind::warning));
  EXPECT_TRUE(without.model.tokenizer.data.exists());
}

TEST(Gguf, ByteLevelTokenizerRefusals) {
  auto error = [](auto change) {
    GgufFile file = smallGguf();
    addByteLevelTokenizer(file);
    change(file);
    return errorOf([&] { Opened{file}; });
  };
  expectWords(error([](GgufFile &f) { f.set("tokenizer.ggml.pre", "of-tomorrow"); }),
              {"tokenizer.ggml.pre is \"of-tomorrow\"", "llama-bpe", "qwen2", "smollm"});
  expectWords(error([](GgufFile &f) { f.remove("tokenizer.ggml.merges"); }), {"tokenizer.ggml.merges", "missing"});
  expectWords(error([](GgufFile &f) { f.set("tokenizer.ggml.merges", std::vector<std::string>{"a c"}); }),
              {"merge 0 joins \"a\" and \"c\"", "\"c\" is no piece"});
  expectWords(error([](GgufFile &f) { f.set("tokenizer.ggml.merges", std::vector<std::string>{"ab"}); }),
              {"merge 0 is \"ab\""});
}

TEST(Gguf, TurnEndsOfOlderFiles) {
  GgufFile file = smallGguf();
  addTokenizer(file);
  TempFolder folder;
  gguf::File read = gguf::readFile(folder.write("m.gguf", file.bytes()));
  std::vector<std::string_view> list = read.metadata.strings("tokenizer.ggml.tokens").value();
  std::vector<std::string> tokens(list.begin(), list.end());
  std::vector<int32_t> types(tokens.size(), 1);
  types[0] = 2;
  std::fill(types.begin() + 3, types.begin() + 259, 6);
  tokens.back() = "<|im_end|>";
  file.set("tokenizer.ggml.tokens", tokens);
  types.back() = 3;
  file.setList("tokenizer.ggml.token_type", Type::i32, types);
  EXPECT_EQ(Opened(file).model.config.eosTokenIds, (std::vector<int32_t>{2, 264}));
  // What is no control token is text.
  types.back() = 1;
  file.setList("tokenizer.ggml.token_type", Type::i32, types);
  EXPECT_EQ(Opened(file).model.config.eosTokenIds, std::vector<int32_t>{2});
}

namespace {
/// A model in three files.
struct SplitModel {
  SplitModel() {
    GgufFile whole = smallGguf();
    for (uint32_t i = 0; i < 3; ++i) {
      if (i == 0)
        parts[i].keys = whole.keys;
      for (size_t j = i; j < whole.tensors.size(); j += 3)
        parts[i].tensors.push_back(whole.tensors[j]);
      parts[i].set(GgufFile::key("split.no", Type::u16, bytesOf(uint16_t(i))));
      parts[i].set(GgufFile::key("split.count", Type::u16, bytesOf(uint16_t(3))));
      parts[i].set(GgufFile::key("split.tensors.count", Type::i32, bytesOf(int32_t(whole.tensors.size()))));
    }
  }
  static std::string name(uint32_t i) { return concat("big-0000", i + 1, "-of-00003.gguf"); }
  void write(const TempFolder &folder) const {
    for (uint32_t i = 0; i < 3; ++i)
      folder.write(name(i), parts[i].bytes());
  }
  std::string error(uint32_t given = 0) const {
    TempFolder folder;
    write(folder);
    return errorOf([&] { openModel(folder.file(name(given))); });
  }
  GgufFile parts[3];
};
} // namespace

TEST(GgufSplit, OpensByAnyFile) {
  SplitModel split;
  TempFolder folder;
  split.write(folder);
  for (uint32_t i = 0; i < 3; ++i) {
    Model model = openModel(folder.file(SplitModel::name(i)));
    EXPECT_EQ(model.config.name, "big");
    ASSERT_EQ(model.weights->files.size(), 3u);
    EXPECT_EQ(model.weights->tensors.size(), 3u + 2 * 9);
    const WeightEntry &entry = *model.weights->find("layers.0.input_layernorm");
    EXPECT_EQ(model.weights->files[entry.file].path, folder.file(SplitModel::name(1)));
  }
}

TEST(GgufSplit, Refusals) {
  SplitModel split;
  TempFolder folder;
  split.write(folder);
  std::filesystem::remove(folder.file(SplitModel::name(2)));
  expectWords(errorOf([&] { openModel(folder.file(SplitModel::name(0))); }),
              {"big-00003-of-00003.gguf", "file 3 of the 3", "missing"});
  expectWords(errorOf([&] { openModel(folder.write("big.gguf", split.parts[0].bytes())); }),
              {"big.gguf", "one of 3", "split.count", "NAME-00001-of-00003.gguf"});
  split.parts[1].set("split.no", 2u);
  expectWords(split.error(), {"big-00002-of-00003.gguf", "split.no", "must be 1 and 3"});
  split = SplitModel();
  split.parts[2].tensors.push_back(split.parts[0].tensors.front());
  expectWords(split.error(), {"big-00003-of-00003.gguf", "token_embd.weight", "is in", "big-00001"});
  split = SplitModel();
  split.parts[1].tensors.pop_back();
  expectWords(split.error(1), {"split.tensors.count", "is 21", "have 20 tensors"});
}

static const Refusal kRefusals[] = {
    // What is no GGUF file, or none of today.
    {"Empty", [](GgufFile &f) { f.edit = [](std::string &b) { b.clear(); }; }, {"is empty"}},
    {"WebPage", [](GgufFile &f) { f.edit = [](std::string &b) { b = "<!DOCTYPE html><html>"; }; }, {"web page"}},
    {"Zip", [](GgufFile &f) { f.edit = [](std::string &b) { b = "PK\x03\x04 and more"; }; }, {"zip archive"}},
    {"OtherMagic", [](GgufFile &f) { f.edit = [](std::string &b) { b[3] = '\x01'; }; }, {"does not begin with \"GGUF\""}},
    {"MagicAlone", [](GgufFile &f) { f.edit = [](std::string &b) { b.resize(4); }; }, {"the version", "truncated"}},
    {"Version1", [](GgufFile &f) { f.version = 1; }, {"version 1 ", "only 2 and 3", "convert"}},
    {"Version4", [](GgufFile &f) { f.version = 4; }, {"version 4 ", "only 2 and 3"}},
    {"BigEndian", [](GgufFile &f) { f.version = __builtin_bswap32(3); }, {"big-endian", "gguf_convert_endian.py"}},
    // Kinds that are not supported.
    {"Gemma2", [](GgufFile &f) { f.set("general.architecture", "gemma2"); }, {"general.architecture", "\"gemma2\"", "llama, qwen2, phi3"}},
    {"ArchitectureOfNumber", [](GgufFile &f) { f.set("general.architecture", 1u); }, {"general.architecture", "must be a string"}},
    {"NoArchitecture", [](GgufFile &f) { f.remove("general.architecture"); }, {"general.architecture", "missing"}},
    {"Adapter", [](GgufFile &f) { f.set("general.type", "adapter"); }, {"general.type", "adapter (LoRA)", "merge"}},
    {"Projector", [](GgufFile &f) { f.set("general.type", "mmproj"); }, {"general.type", "images"}},
    {"OtherKind", [](GgufFile &f) { f.set("general.type", "imatrix"); }, {"\"imatrix\"", "only \"model\""}},
    {"Experts", [](GgufFile &f) { f.set("llama.expert_count", 8u); }, {"llama.expert_count", "is 8", "mixture of experts"}},
    {"IQ2_XXS", [](GgufFile &f) { f.tensors[3].type = 16; }, {"IQ2_XXS", "only F32, F16, Q4_0", "llama-quantize"}},
    {"IQ4_XS", [](GgufFile &f) { f.tensors[3].type = 23; }, {"the type IQ4_XS"}},
    {"Ternary", [](GgufFile &f) { f.tensors[3].type = 34; }, {"the type TQ1_0"}},
    {"MXFP4", [](GgufFile &f) { f.tensors[3].type = 39; }, {"the type MXFP4"}},
    {"NVFP4", [](GgufFile &f) { f.tensors[3].type = 40; }, {"the type NVFP4"}},
    {"OldRepacked", [](GgufFile &f) { f.tensors[3].type = 31; }, {"the type Q4_0_4_4"}},
    {"Integers", [](GgufFile &f) { f.tensors[3].type = 26; }, {"the type I32"}},
    {"UnknownType", [](GgufFile &f) { f.tensors[3].type = 7777; }, {"the type number 7777"}},
    // By name before any number is looked at.
    {"KindBeforeOtherKeys",
     [](GgufFile &f) {
       f.set("general.architecture", "mamba");
       f.set({"x", 77, ""});
     },
     {"\"mamba\""}},
    {"TypeBeforeOffsets",
     [](GgufFile &f) {
       f.tensors[3].type = 19;
       f.tensors[0].offset = 7;
       f.set("general.alignment", 24u);
     },
     {"the type IQ1_S"}},
    // The structure of the header.
    {"TensorCount", [](GgufFile &f) { f.tensorCount = uint64_t(1) << 60; }, {"number of tensors", "1152921504606846976"}},
    {"KeyCount", [](GgufFile &f) { f.keyCount = ~uint64_t(0); }, {"number of keys", "18446744073709551615"}},
    {"KeyCountTooLarge", [](GgufFile &f) { f.keyCount = f.keys.size() + 1; }, {"get it again"}},
    {"KeyNameBeyondFile", [](GgufFile &f) { f.edit = [](std::string &b) { b.replace(24, 8, bytesOf(uint64_t(1) << 62)); }; }, {"key number 0", "its name", "4611686018427387904"}},
    {"KeyNameEmpty", [](GgufFile &f) { f.set("", 1u); }, {"a name of 0 bytes"}},
    {"KeyNameNotUtf8", [](GgufFile &f) { f.set("a\xff", 1u); }, {"must be UTF-8"}},
    {"KeyTwice", [](GgufFile &f) { f.keys.push_back(f.keys[1]); }, {"llama.block_count", "twice"}},
    {"ValueType", [](GgufFile &f) { f.set({"x", 13, bytesOf(1u)}); }, {"\"x\"", "value type number 13", "0 to 12"}},
    {"ElementType", [](GgufFile &f) { f.set(GgufFile::array("x", Type(99), 1, "1234")); }, {"element type number 99"}},
    {"ArrayOverflow", [](GgufFile &f) { f.set(GgufFile::array("x", Type::u32, uint64_t(1) << 62, "1234")); }, {"\"x\"", "an array of 4611686018427387904 u32", "more than the"}},
    {"ArrayOfBytesOverflow", [](GgufFile &f) { f.set(GgufFile::array("x", Type::u8, ~uint64_t(0), "1234")); }, {"18446744073709551615 u8"}},
    {"ArrayOfStringsWithoutEnd", [](GgufFile &f) { f.set(GgufFile::array("x", Type::string, uint64_t(1) << 62, lengthAndText("a"))); }, {"\"x\"", "its text"}},
    {"ArraysInArrays",
     [](GgufFile &f) {
       std::string value = bytesOf(uint32_t(Type::u8)) + bytesOf(uint64_t(0));
       for (int i = 0; i < 9; ++i)
         value = bytesOf(uint32_t(Type::array)) + bytesOf(uint64_t(1)) + value;
       f.set(GgufFile::key("x", Type::array, value));
     },
     {"\"x\"", "arrays in arrays more than 4 levels"}},
    {"BoolOf2", [](GgufFile &f) { f.set(GgufFile::key("x", Type::boolean, "\2")); }, {"a bool of the byte 2"}},
    {"StringBeyondFile", [](GgufFile &f) { f.set(GgufFile::key("x", Type::string, bytesOf(~uint64_t(0)))); }, {"\"x\"", "its text", "18446744073709551615"}},
    {"CutInTheKeys", [](GgufFile &f) { f.edit = [](std::string &b) { b.resize(100); }; }, {"truncated"}},
    {"CutInTheTensors", [](GgufFile &f) { size_t size = f.header().size() - 3; f.edit = [size](std::string &b) { b.resize(size); }; }, {"\"output.weight\"", "its offset"}},
    // Tensors.
    {"Dimensions", [](GgufFile &f) { f.tensors[2].shape = {1, 1, 1, 2, 4}; }, {"5 dimensions", "at most 4"}},
    {"TensorNameEmpty", [](GgufFile &f) { f.tensors[2].name = ""; }, {"tensor number 2", "0 bytes"}},
    {"TensorNameLong", [](GgufFile &f) { f.tensors[2].name = std::string(1025, 'x'); }, {"tensor number 2", "1025 bytes"}},
    {"TensorTwice", [](GgufFile &f) { f.tensors[2].name = f.tensors[1].name; }, {"blk.0.attn_norm.weight", "twice"}},
    {"ElementsOverflow", [](GgufFile &f) { f.tensors[2].shape = {uint64_t(1) << 33, uint64_t(1) << 33}; }, {"overflows 64 bits"}},
    {"BytesOverflow", [](GgufFile &f) { f.tensors[2].shape = {uint64_t(1) << 32, (uint64_t(1) << 32) - 1}; }, {"overflows 64 bits"}},
    {"DimensionOf0", [](GgufFile &f) { f.tensors[2].shape[0] = 0; }, {"a dimension that is 0"}},
    {"OffsetUnaligned", [](GgufFile &f) { f.tensors[2].offset = 33; }, {"offset 33", "alignment 32"}},
    {"OffsetBeyondFile", [](GgufFile &f) { f.tensors[2].offset = uint64_t(1) << 63; }, {"offset 9223372036854775808", "beyond the"}},
    {"OffsetNearTheEnd", [](GgufFile &f) { f.tensors[2].offset = ~uint64_t(31); }, {"beyond the"}},
    {"DataCutOff", [](GgufFile &f) { f.edit = [](std::string &b) { b.resize(b.size() - 40); }; }, {"beyond the", "truncated"}},
    {"Overlap", [](GgufFile &f) { f.tensors[2].offset = 0; }, {"inside tensor", "token_embd.weight"}},
    {"Alignment0", [](GgufFile &f) { f.set("general.alignment", 0u); }, {"general.alignment", "is 0", "from 1 to 65536"}},
    {"Alignment24", [](GgufFile &f) { f.set("general.alignment", 24u); }, {"general.alignment", "power of two"}},
    {"AlignmentWithoutBound", [](GgufFile &f) { f.set("general.alignment", 1u << 30); }, {"general.alignment", "1073741824"}},
    {"AlignmentOfText", [](GgufFile &f) { f.set("general.alignment", "32"); }, {"general.alignment", "must be an integer"}},
    // The model's keys.
    {"NoBlockCount", [](GgufFile &f) { f.remove("llama.block_count"); }, {"llama.block_count", "missing"}},
    {"BlockCount0", [](GgufFile &f) { f.set("llama.block_count", 0u); }, {"llama.block_count", "from 1 to"}},
    {"BlockCountHuge", [](GgufFile &f) { f.set("llama.block_count", ~0u); }, {"llama.block_count", "4294967295"}},
    {"BlockCountNegative", [](GgufFile &f) { f.set(GgufFile::key("llama.block_count", Type::i32, bytesOf(-2))); }, {"llama.block_count", "is -2"}},
    {"BlockCountOfFloat", [](GgufFile &f) { f.set("llama.block_count", 2.0f); }, {"llama.block_count", "is 2 (f32)", "must be an integer"}},
    {"HeadsNoMultiple", [](GgufFile &f) { f.set("llama.attention.head_count_kv", 3u); }, {"llama.attention.head_count", "multiple of the 3"}},
    {"HeadsByLayer", [](GgufFile &f) { f.setList<uint32_t>("llama.attention.head_count_kv", Type::u32, {2, 4}); }, {"head_count_kv", "differs from layer to layer (2, 4)"}},
    {"HeadsOfNoLayer", [](GgufFile &f) { f.setList<uint32_t>("llama.attention.head_count_kv", Type::u32, {}); }, {"head_count_kv", "must not be empty"}},
    {"HeadsOfText", [](GgufFile &f) { f.set("llama.attention.head_count_kv", std::vector<std::string>{"2"}); }, {"head_count_kv", "array of integers"}},
    {"HiddenNoMultiple", [](GgufFile &f) { f.set("llama.embedding_length", 9u); }, {"llama.embedding_length", "multiple of the 4"}},
    {"HeadDimOdd", [](GgufFile &f) { f.set("llama.attention.key_length", 3u); }, {"key_length", "is 3", "must be even"}},
    {"ValuesOfOtherLength", [](GgufFile &f) { f.set("llama.attention.value_length", 4u); }, {"value_length", "is 4", "equally long"}},
    {"PartialRotary", [](GgufFile &f) { f.set("llama.rope.dimension_count", 1u); }, {"rope.dimension_count", "is 1", "not supported"}},
    {"NoEps", [](GgufFile &f) { f.remove("llama.attention.layer_norm_rms_epsilon"); }, {"layer_norm_rms_epsilon", "missing"}},
    {"Eps0", [](GgufFile &f) { f.set("llama.attention.layer_norm_rms_epsilon", 0.0f); }, {"layer_norm_rms_epsilon", "above 0"}},
    {"EpsNoNumber", [](GgufFile &f) { f.set("llama.attention.layer_norm_rms_epsilon", NAN); }, {"layer_norm_rms_epsilon", "finite"}},
    {"Theta0", [](GgufFile &f) { f.set("llama.rope.freq_base", 0.0f); }, {"rope.freq_base", "from 1 to 1e15"}},
    {"DynamicScaling",
     [](GgufFile &f) { f.set("llama.rope.scaling.type", "dynamic"); },
     {"rope.scaling.type", "\"dynamic\"", "only none, linear, yarn and longrope"}},
    {"LongRopeWithoutFactors",
     [](GgufFile &f) { f.set("llama.rope.scaling.type", "longrope"); },
     {"rope.scaling.type", "\"longrope\"", "no tensors rope_factors_*"}},
    {"YarnInPart",
     [](GgufFile &f) {
       f.set("llama.rope.scaling.type", "yarn");
       f.set("llama.rope.scaling.yarn_ext_factor", 0.5f);
     },
     {"yarn_ext_factor", "is 0.5", "in part is not supported"}},
    {"YarnBetas",
     [](GgufFile &f) {
       f.set("llama.rope.scaling.type", "yarn");
       f.set("llama.rope.scaling.yarn_beta_slow", 64.0f);
     },
     {"yarn_beta_slow", "is 64", "to yarn_beta_fast"}},
    {"AttentionFactorAlone",
     [](GgufFile &f) { f.set("llama.rope.scaling.attn_factor", 1.2f); },
     {"attn_factor", "without yarn or longrope"}},
    {"Factor", [](GgufFile &f) { f.set("llama.rope.scaling.factor", -4.0f); }, {"rope.scaling.factor", "is -4"}},
    {"FactorsDisagree", [](GgufFile &f) { f.set("llama.rope.scaling.factor", 4.0f); f.set("llama.rope.scale_linear", 2.0f); }, {"rope.scaling.factor", "rope.scale_linear", "the same"}},
    {"RopeSections", [](GgufFile &f) { f.setList<uint32_t>("llama.rope.dimension_sections", Type::u32, {1, 1}); }, {"rope.dimension_sections", "not supported"}},
    {"ClampKqv", [](GgufFile &f) { f.set("llama.attention.clamp_kqv", 8.0f); }, {"clamp_kqv", "clamping", "only the value 0"}},
    {"LogitScale", [](GgufFile &f) { f.set("llama.logit_scale", 0.5f); }, {"logit_scale", "scaling of logits"}},
    {"EmbeddingScale", [](GgufFile &f) { f.set("llama.embedding_scale", 12.0f); }, {"embedding_scale", "scaling of embeddings"}},
    {"ParallelResidual", [](GgufFile &f) { f.set("llama.use_parallel_residual", true); }, {"use_parallel_residual", "side by side"}},
    {"NotCausal", [](GgufFile &f) { f.set("llama.attention.causal", false); }, {"attention.causal", "later tokens"}},
    {"Softcapping", [](GgufFile &f) { f.set("llama.final_logit_softcapping", 30.0f); }, {"final_logit_softcapping", "capping"}},
    {"AttentionScale", [](GgufFile &f) { f.set("llama.attention.scale", 0.1f); }, {"attention.scale", "1 / sqrt"}},
    {"WindowPattern", [](GgufFile &f) { f.set("llama.attention.sliding_window_pattern", 2u); }, {"sliding_window_pattern", "some layers"}},
    {"VocabSize", [](GgufFile &f) { f.set("llama.vocab_size", 17u); }, {"vocab_size", "is 17", "16 rows"}},
    // Tensors that do not fit the keys.
    {"NoEmbedding", [](GgufFile &f) { f.remove("token_embd.weight"); }, {"token_embd.weight", "missing"}},
    {"EmbeddingShape", [](GgufFile &f) { f.tensor("token_embd.weight").shape = {128}; }, {"token_embd.weight", "[128]"}},
    {"NoTensor", [](GgufFile &f) { f.remove("blk.1.ffn_up.weight"); }, {"blk.1.ffn_up.weight", "missing"}},
    {"TensorShape", [](GgufFile &f) { f.tensor("blk.0.ffn_up.weight").shape = {8, 12}; }, {"blk.0.ffn_up.weight", "[8, 12]", "[12, 8]"}},
    {"UnexpectedTensor", [](GgufFile &f) { f.tensors.push_back({"blk.2.x.weight", {1}, 0, "1234", std::nullopt}); }, {"blk.2.x.weight", "unexpected"}},
    {"NormsOfQueries", [](GgufFile &f) { f.tensors.push_back({"blk.0.attn_q_norm.weight", {1}, 0, "1234", std::nullopt}); }, {"attn_q_norm", "norms of queries and keys"}},
    {"RopeFreqsCount", [](GgufFile &f) { f.tensors.push_back({"rope_freqs.weight", {2}, 0, "12345678", std::nullopt}); }, {"rope_freqs.weight", "2 numbers", "1 pairs"}},
    {"RopeFreqs0", [](GgufFile &f) { f.tensors.push_back({"rope_freqs.weight", {1}, 0, bytesOf(0.0f), std::nullopt}); }, {"rope_freqs.weight", "number 0 is 0"}},
    {"OneRopeFactor",
     [](GgufFile &f) {
       f.tensors.push_back({"rope_factors_long.weight", {1}, 0, bytesOf(1.0f), std::nullopt});
     },
     {"longrope needs the tensors", "rope_factors_short.weight", "one is missing"}},
    {"RopeFactorsOfBlocks",
     [](GgufFile &f) {
       f.tensors.push_back({"rope_factors_long.weight", {32}, 8, std::string(34, 'x'), std::nullopt});
     },
     {"rope_factors_long.weight", "q8_0", "numbers of f32"}},
    {"RopeFactorsOfLinear",
     [](GgufFile &f) {
       f.tensors.push_back({"rope_factors_long.weight", {1}, 0, bytesOf(1.0f), std::nullopt});
       f.set("llama.rope.scaling.type", "linear");
     },
     {"rope.scaling.type", "\"linear\"", "of longrope alone"}},
    {"RopeFreqsOfYarn",
     [](GgufFile &f) {
       f.tensors.push_back({"rope_freqs.weight", {1}, 0, bytesOf(1.0f), std::nullopt});
       f.set("llama.rope.scaling.type", "yarn");
       f.set("llama.rope.scaling.factor", 4.0f);
     },
     {"rope_freqs.weight", "\"yarn\"", "only one of them"}},
    // Tokenizers.
    {"TokenizerKind", [](GgufFile &f) { f.set("tokenizer.ggml.model", "bert"); }, {"tokenizer.ggml.model", "\"bert\"", "llama (SentencePiece)"}},
    {"NoTokens", [](GgufFile &f) { addTokenizer(f); f.remove("tokenizer.ggml.tokens"); }, {"tokenizer.ggml.tokens", "missing"}},
    {"TokensOfIntegers", [](GgufFile &f) { addTokenizer(f); f.setList<int32_t>("tokenizer.ggml.tokens", Type::i32, {1}); }, {"tokenizer.ggml.tokens", "array of strings"}},
    {"TooManyTokens", [](GgufFile &f) { GgufFile g = f; addTokenizer(g); f.keys = g.keys; }, {"tokenizer.ggml.tokens", "265", "16 ids"}},
    {"TypesTooFew", [](GgufFile &f) { addTokenizer(f); f.setList<int32_t>("tokenizer.ggml.token_type", Type::i32, {1, 1}); }, {"token_type", "each of the 265"}},
    {"TypeOutOfRange", [](GgufFile &f) { addTokenizer(f); f.setList("tokenizer.ggml.token_type", Type::i32, std::vector<int32_t>(265, 9)); }, {"token_type", "element 0 is 9"}},
    {"NoScores", [](GgufFile &f) { addTokenizer(f); f.remove("tokenizer.ggml.scores"); }, {"tokenizer.ggml.scores", "missing"}},
    {"ScoresOfIntegers", [](GgufFile &f) { addTokenizer(f); f.setList("tokenizer.ggml.scores", Type::i32, std::vector<int32_t>(265, 1)); }, {"tokenizer.ggml.scores", "array of f32"}},
    {"BosOutside", [](GgufFile &f) { addTokenizer(f); f.set("tokenizer.ggml.bos_token_id", 300u); }, {"bos_token_id", "300", "to 264"}},
    {"TokenNotUtf8", [](GgufFile &f) { addTokenizer(f); std::vector<std::string> tokens(265, "x"); tokens[7] = "\xff"; f.set("tokenizer.ggml.tokens", tokens); }, {"tokenizer.ggml.tokens", "element 7", "UTF-8"}},
    {"TokenTwice", [](GgufFile &f) { addTokenizer(f); f.set("tokenizer.ggml.tokens", std::vector<std::string>(265, "x")); }, {"tokenizer.ggml", "both \"x\""}},
};
static_assert(std::size(kRefusals) >= kMinBadGguf);

TEST_P(GgufRefusal, Names) {
  GgufFile file = smallGguf();
  GetParam().bend(file);
  TempFolder folder;
  std::string path = folder.write("model.gguf", file.bytes());
  std::string message = errorOf([&] { openModel(path); });
  expectWords(message, GetParam().words);
  EXPECT_TRUE(message.starts_with(path)) << message;
}

INSTANTIATE_TEST_SUITE_P(All, GgufRefusal, testing::ValuesIn(kRefusals),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(GgufRefusals, OfQwen2) {
  GgufFile file = smallGguf("qwen2");
  file.set("qwen2.attention.sliding_window", 24u);
  TempFolder folder;
  expectWords(errorOf([&] { openModel(folder.write("m.gguf", file.bytes())); }),
              {"qwen2.attention.sliding_window", "is 24", "which layers"});
  file = smallGguf("qwen2");
  file.remove("blk.1.attn_q.bias");
  expectWords(errorOf([&] { openModel(folder.write("m.gguf", file.bytes())); }), {"blk.1.attn_q.bias", "missing"});
}
