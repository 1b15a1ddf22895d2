//===- MetaTest.cpp - Checkpoints in Meta's layout ---------------------------------------===//

#include "Checkpoint.h"
#include "Support.h"

#include "frontends/hf/Config.h"
#include "frontends/meta/Checkpoint.h"
#include "frontends/meta/Params.h"
#include "test/runtime/TestTokenizer.h"

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;
using nlohmann::json;

namespace {

/// The params.json that fits the tensors below.
json smallParams() {
  return {{"dim", 8},         {"n_layers", 1},    {"n_heads", 4},    {"n_kv_heads", 2},
          {"vocab_size", 16}, {"norm_eps", 1e-5}, {"multiple_of", 4}};
}

/// The tensors of one of `count` files. multiple_of 4: the feed-forward network is 24 wide.
std::vector<PickledTensor> shard(int64_t count, bool embeddingByRows = false) {
  int64_t rows = embeddingByRows ? 16 / count : 16, columns = embeddingByRows ? 8 : 8 / count;
  return {{"tok_embeddings.weight", {rows, columns}},
          {"norm.weight", {8}},
          {"output.weight", {16 / count, 8}},
          {"layers.0.attention.wq.weight", {8 / count, 8}},
          {"layers.0.attention.wk.weight", {4 / count, 8}},
          {"layers.0.attention.wv.weight", {4 / count, 8}},
          {"layers.0.attention.wo.weight", {8, 8 / count}},
          {"layers.0.feed_forward.w1.weight", {24 / count, 8}},
          {"layers.0.feed_forward.w2.weight", {8, 24 / count}},
          {"layers.0.feed_forward.w3.weight", {24 / count, 8}},
          {"layers.0.attention_norm.weight", {8}},
          {"layers.0.ffn_norm.weight", {8}},
          {"rope.freqs", {1}}};
}

struct Directory {
  explicit Directory(size_t count = 1) {
    for (size_t i = 0; i < count; ++i)
      shards.push_back(shard(int64_t(count)));
  }
  Model open() {
    folder.write("params.json", params.dump());
    for (size_t i = 0; i < shards.size(); ++i)
      folder.write(concat("consolidated.0", i, ".pth"), checkpoint(shards[i]));
    return openModel(folder.path.string());
  }
  std::string error() {
    return errorOf([&] { open(); });
  }
  PickledTensor &tensor(size_t number, std::string_view name) {
    return *std::ranges::find(shards[number], name, &PickledTensor::name);
  }

  TempFolder folder;
  json params = smallParams();
  std::vector<std::vector<PickledTensor>> shards;
};

const WeightEntry &entryOf(const Model &model, const std::string &name) {
  const WeightEntry *entry = model.weights ? model.weights->find(name) : nullptr;
  if (!entry)
    throw std::logic_error("no tensor " + name);
  return *entry;
}

} // namespace

TEST(Meta, OneFile) {
  Directory directory;
  Model model = directory.open();
  const ModelConfig &config = model.config;
  EXPECT_EQ(config.intermediateSize, 24u); // 8 * 8 / 3 = 21, up to a multiple of 4
  EXPECT_EQ(config.headDim, 2u);
  EXPECT_EQ(config.rope.layout, RotaryLayout::interleaved);
  EXPECT_EQ(config.maxPositionEmbeddings, 4096u);
  EXPECT_FALSE(config.tieWordEmbeddings);
  EXPECT_TRUE(hasNote(config, "max_seq_len", Note::Kind::provenance));
  EXPECT_EQ(model.weights->tensors.size(), 12u);
  const WeightEntry &down = entryOf(model, "layers.0.mlp.down_proj");
  EXPECT_EQ(down.nameInFile, "layers.0.feed_forward.w2.weight");
  EXPECT_EQ(down.shape, (std::vector<uint64_t>{8, 24}));
  EXPECT_TRUE(down.pieces.empty());
  // The bytes lie where the index says: a tensor of letters x, and something else around it.
  std::ifstream file(directory.folder.file("consolidated.00.pth"), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(bytes.substr(down.offset, down.size), std::string(8 * 24 * 4, 'x'));
  EXPECT_NE(bytes[down.offset - 1], 'x');
  EXPECT_NE(bytes[down.offset + down.size], 'x');
}

// Test: the hash of the header covers pickle and directory, and no tensor.
TEST(Meta, HeaderHash) {
  Directory directory;
  Hash128 before = directory.open().weights->files[0].headerHash;
  directory.folder.write("consolidated.00.pth", checkpoint(directory.shards[0], 'y'));
  EXPECT_EQ(openModel(directory.folder.path.string()).weights->files[0].headerHash, before);
  std::swap(directory.shards[0][0], directory.shards[0][1]);
  EXPECT_NE(directory.open().weights->files[0].headerHash, before);
}

TEST(Meta, TwoFiles) {
  Directory directory(2);
  Model model = directory.open();
  ASSERT_EQ(model.weights->files.size(), 2u);
  auto expectPieces = [&](const char *name, std::vector<TensorPiece> expected) {
    const WeightEntry &entry = entryOf(model, name);
    ASSERT_EQ(entry.pieces.size(), expected.size()) << name;
    for (size_t i = 0; i < expected.size(); ++i) {
      expected[i].offset = entry.pieces[i].offset;
      EXPECT_EQ(entry.pieces[i], expected[i]) << name << ", piece " << i;
      EXPECT_GT(entry.pieces[i].offset, 0u);
    }
    EXPECT_TRUE(coverTensor(entry.pieces, entry.shape[0], entry.shape[1])) << name;
    EXPECT_EQ(entry.size, entry.shape[0] * entry.shape[1] * 4) << name;
  };
  expectPieces("layers.0.self_attn.q_proj", {{0, 0, 0, 4, 0, 8}, {1, 0, 4, 4, 0, 8}});
  expectPieces("layers.0.self_attn.k_proj", {{0, 0, 0, 2, 0, 8}, {1, 0, 2, 2, 0, 8}});
  expectPieces("layers.0.self_attn.v_proj", {{0, 0, 0, 2, 0, 8}, {1, 0, 2, 2, 0, 8}});
  expectPieces("layers.0.self_attn.o_proj", {{0, 0, 0, 8, 0, 4}, {1, 0, 0, 8, 4, 4}});
  expectPieces("layers.0.mlp.gate_proj", {{0, 0, 0, 12, 0, 8}, {1, 0, 12, 12, 0, 8}});
  expectPieces("layers.0.mlp.up_proj", {{0, 0, 0, 12, 0, 8}, {1, 0, 12, 12, 0, 8}});
  expectPieces("layers.0.mlp.down_proj", {{0, 0, 0, 8, 0, 12}, {1, 0, 0, 8, 12, 12}});
  expectPieces("lm_head", {{0, 0, 0, 8, 0, 8}, {1, 0, 8, 8, 0, 8}});
  expectPieces("embed_tokens", {{0, 0, 0, 16, 0, 4}, {1, 0, 0, 16, 4, 4}});
  EXPECT_TRUE(entryOf(model, "norm").pieces.empty());
  // Llama 3 divides the embedding by rows.
  directory.shards = {shard(2, true), shard(2, true)};
  model = directory.open();
  expectPieces("embed_tokens", {{0, 0, 0, 8, 0, 8}, {1, 0, 8, 8, 0, 8}});
}

// Test: what params.json leaves out, the weights and the tokenizer say.
TEST(Meta, WeightsSayTheRest) {
  for (size_t count : {1, 2}) {
    Directory directory(count);
    directory.params["vocab_size"] = -1;
    directory.params.erase("multiple_of");
    directory.params.erase("norm_eps");
    Model model = directory.open();
    EXPECT_EQ(model.config.vocabSize, 16u);
    EXPECT_EQ(model.config.intermediateSize, 24u);
    EXPECT_EQ(model.config.rmsNormEps, 1e-5);
    for (auto &tensors : directory.shards)
      std::erase_if(tensors, [](const PickledTensor &tensor) { return tensor.name == "output.weight"; });
    model = directory.open();
    EXPECT_TRUE(model.config.tieWordEmbeddings);
    EXPECT_EQ(model.config.vocabSize, 16u);
    directory.shards.assign(count, shard(int64_t(count), true));
    for (auto &tensors : directory.shards)
      std::erase_if(tensors, [](const PickledTensor &tensor) { return tensor.name == "output.weight"; });
    EXPECT_EQ(directory.open().config.vocabSize, 16u);
  }
}

TEST(Meta, Tokenizer) {
  Directory directory;
  directory.params["vocab_size"] = 512;
  directory.tensor(0, "tok_embeddings.weight").shape = {512, 8};
  directory.tensor(0, "output.weight").shape = {512, 8};
  std::vector<uint8_t> tokenizer = testTokenizerModel();
  directory.folder.write("tokenizer.model", std::string(tokenizer.begin(), tokenizer.end()));
  Model model = directory.open();
  EXPECT_TRUE(model.tokenizer.data.exists());
  EXPECT_EQ(model.config.eosTokenIds, std::vector<int32_t>{2});
}

// Test: Llama 3 has its tokenizer as ranks of bytes in base64, and special tokens behind them.
TEST(Meta, TokenizerOfRanks) {
  Directory directory;
  directory.params["vocab_size"] = 4096;
  directory.tensor(0, "tok_embeddings.weight").shape = {4096, 8};
  directory.tensor(0, "output.weight").shape = {4096, 8};
  std::filesystem::copy_file(QUIPU_TEST_SOURCE_DIR "/tokenizers/ranks/tokenizer.model",
                             directory.folder.path / "tokenizer.model");
  Model model = directory.open();
  EXPECT_TRUE(model.tokenizer.data.exists());
  EXPECT_FALSE(model.config.eosTokenIds.empty());
}

// Test: a folder of Mistral, whose one file is a safetensors file; config.json with weights of its own goes first.
TEST(Meta, Mistral) {
  TempFolder folder;
  json params = smallParams();
  params.erase("multiple_of");
  params.update({{"hidden_dim", 24}, {"head_dim", 2}, {"rope_theta", 1000000.0}, {"sliding_window", 4096}});
  folder.write("params.json", params.dump());
  std::vector<Tensor> tensors;
  for (const PickledTensor &tensor : shard(1))
    if (tensor.name != "rope.freqs")
      tensors.push_back({tensor.name, "BF16", {tensor.shape.begin(), tensor.shape.end()}});
  folder.write("consolidated.safetensors", safetensorsFile(tensors));
  Model model = openModel(folder.path.string());
  EXPECT_EQ(model.config.architecture, "MistralForCausalLM");
  EXPECT_EQ(model.config.slidingWindow, 4096u);
  EXPECT_EQ(model.config.maxPositionEmbeddings, 32768u);
  EXPECT_EQ(model.config.rope.theta, 1e6);
  EXPECT_EQ(entryOf(model, "layers.0.self_attn.q_proj").format->name, "bf16");
  folder.write("config.json", smallConfig().dump());
  EXPECT_EQ(openModel(folder.path.string()).config.numLayers, 1u);
  folder.write("model.safetensors", safetensorsFile(tensorsOf(hf::parseConfig(smallConfig().dump(), "config.json"))));
  EXPECT_EQ(openModel(folder.path.string()).config.numLayers, 2u);
}

TEST(MetaParams, FeedForwardWidths) {
  auto width = [](json changes) {
    json params = {{"dim", 4096}, {"n_layers", 32}, {"n_heads", 32}, {"vocab_size", -1}, {"multiple_of", 256}};
    params.update(changes.is_null() ? json::object() : changes);
    return meta::parseParams(params.dump(), "params.json").config.intermediateSize;
  };
  EXPECT_EQ(width({}), 11008u);                                                                  // 7B
  EXPECT_EQ(width({{"dim", 5120}}), 13824u);                                                     // 13B, heads aside
  EXPECT_EQ(width({{"dim", 8192}, {"multiple_of", 4096}, {"ffn_dim_multiplier", 1.3}}), 28672u); // 70B
  EXPECT_EQ(width({{"multiple_of", 1024}, {"ffn_dim_multiplier", 1.3}}), 14336u);                // Llama 3 8B
  EXPECT_EQ(width({{"dim", 2048}, {"ffn_dim_multiplier", 1.5}}), 8192u);                         // Llama 3.2 1B
  EXPECT_EQ(width({{"dim", 3072}, {"n_heads", 24}, {"ffn_dim_multiplier", 1.0}}), 8192u);        // Llama 3.2 3B
  EXPECT_EQ(width({{"hidden_dim", 14336}}), 14336u);
}

TEST(MetaParams, Families) {
  auto read = [](json changes) {
    json params = {{"dim", 4096}, {"n_layers", 32}, {"n_heads", 32}, {"vocab_size", 128256}, {"multiple_of", 256}};
    params.update(changes.is_null() ? json::object() : changes);
    return meta::parseParams(params.dump(), "params.json").config;
  };
  EXPECT_EQ(read({}).rope.theta, 10000.0);
  EXPECT_EQ(read({}).numKvHeads, 32u);
  EXPECT_EQ(read({{"rope_theta", 500000.0}}).maxPositionEmbeddings, 8192u);
  EXPECT_EQ(read({{"rope_theta", 1000000}}).maxPositionEmbeddings, 16384u);
  EXPECT_EQ(read({{"max_seq_len", 512}}).maxPositionEmbeddings, 512u);
  ModelConfig scaled = read({{"rope_theta", 500000.0}, {"use_scaled_rope", true}});
  EXPECT_EQ(scaled.maxPositionEmbeddings, 131072u);
  EXPECT_EQ(scaled.rope.scaling, RopeScaling::llama3);
  EXPECT_EQ(scaled.rope.factor, 8);
  EXPECT_EQ(scaled.rope.lowFreqFactor, 1);
  EXPECT_EQ(scaled.rope.highFreqFactor, 4);
  EXPECT_EQ(scaled.rope.originalContext, 8192u);
  EXPECT_EQ(read({{"use_scaled_rope", true}, {"dim", 2048}, {"n_layers", 16}}).rope.factor, 32);
  EXPECT_EQ(read({{"use_scaled_rope", true}, {"rope_scaling_factor", 16}}).rope.factor, 16);
  EXPECT_EQ(read({{"use_scaled_rope", false}}).rope.scaling, RopeScaling::none);
  // Below "model", and fields that nobody knows.
  json nested = {{"model", {{"dim", 64}, {"n_layers", 2}, {"n_heads", 4}, {"of_tomorrow", 1}}}, {"other", 1}};
  ModelConfig config = meta::parseParams(nested.dump(), "params.json").config;
  EXPECT_EQ(config.headDim, 16u);
  EXPECT_TRUE(hasNote(config, "of_tomorrow", Note::Kind::warning));
}

namespace {
struct BadParams {
  json changes;
  std::vector<std::string> words;
};
} // namespace

TEST(MetaParams, Refusals) {
  const BadParams cases[] = {
      {{{"dim", nullptr}}, {"\"dim\" is missing"}},
      {{{"dim", -8}}, {"\"dim\" is -8"}},
      {{{"dim", 8.5}}, {"\"dim\" is 8.5"}},
      {{{"dim", 4294967296}}, {"\"dim\""}},
      {{{"dim", 10}}, {"\"dim\" is 10 but must be a multiple of the 4"}},
      {{{"n_kv_heads", 3}}, {"\"n_heads\" is 4 but must be a multiple of the 3"}},
      {{{"head_dim", 3}}, {"\"head_dim\" is 3 but must be even"}},
      {{{"vocab_size", -2}}, {"\"vocab_size\" is -2"}},
      {{{"norm_eps", 0}}, {"\"norm_eps\" is 0"}},
      {{{"multiple_of", 0}}, {"\"multiple_of\" is 0"}},
      {{{"ffn_dim_multiplier", -1}}, {"\"ffn_dim_multiplier\" is -1"}},
      {{{"ffn_dim_multiplier", 1e300}}, {"\"ffn_dim_multiplier\""}},
      {{{"rope_theta", 0.5}}, {"\"rope_theta\" is 0.5"}},
      {{{"use_scaled_rope", "yes"}}, {"\"use_scaled_rope\" is \"yes\""}},
      {{{"use_scaled_rope", true}, {"rope_high_freq_factor", 1}}, {"rope_high_freq_factor"}},
      {{{"moe", {{"num_experts", 8}}}}, {"\"moe\"", "a mixture of experts", "not supported"}},
      {{{"moe_args", {{"num_experts", 8}}}}, {"\"moe_args\"", "a mixture of experts"}},
      {{{"quantization_args", {{"scheme", "int8"}}}}, {"\"quantization_args\"", "quantised weights"}},
      {{{"lora_args", {{"rank", 16}}}}, {"\"lora_args\"", "LoRA"}},
      {{{"vision_chunk_size", 448}}, {"\"vision_chunk_size\"", "more than text"}},
      {{{"vision_encoder", {{"hidden_size", 1}}}}, {"\"vision_encoder\"", "more than text"}},
      {{{"yarn", {{"factor", 4}}}}, {"\"yarn\"", "YaRN"}},
      {{{"sliding_window", {{"a", 1}}}}, {"\"sliding_window\""}},
  };
  for (const BadParams &each : cases) {
    json params = smallParams();
    params.update(each.changes);
    SCOPED_TRACE(each.changes.dump());
    expectWords(errorOf([&] { meta::parseParams(params.dump(), "params.json"); }), each.words);
  }
  expectWords(errorOf([] { meta::parseParams("[1]", "params.json"); }), {"params.json", "JSON object"});
  expectWords(errorOf([] { meta::parseParams("{\"dim\": 1", "params.json"); }), {"params.json", "not valid JSON"});
}

// Test: files, shapes and params that do not belong together.
TEST(Meta, Misfits) {
  auto expect = [](size_t count, const std::function<void(Directory &)> &change, std::vector<std::string> words) {
    Directory directory(count);
    change(directory);
    expectWords(directory.error(), std::move(words));
  };
  expect(1, [](Directory &d) { d.shards[0].pop_back(), d.shards[0].pop_back(); },
         {"consolidated.00.pth", "\"layers.0.ffn_norm.weight\" is missing"});
  expect(1, [](Directory &d) { d.tensor(0, "layers.0.attention.wo.weight").shape = {8, 4}; },
         {"wo.weight", "[8, 4]", "params.json implies [8, 8]"});
  expect(1, [](Directory &d) { d.params["multiple_of"] = 32; }, {"32 wide", "w1", "24 rows in 1 files"});
  expect(1, [](Directory &d) { d.params["n_layers"] = 2; }, {"layers.1.", "is missing"});
  expect(1, [](Directory &d) { d.shards[0].push_back({"layers.0.attention.wq.lora_A.weight", {2, 8}}); },
         {"lora_A", "LoRA"});
  expect(1, [](Directory &d) { d.shards[0].push_back({"vision.weight", {2, 8}}); },
         {"unexpected tensor \"vision.weight\""});
  expect(1, [](Directory &d) { d.tensor(0, "layers.0.attention.wq.weight").storageClass = "CharStorage"; },
         {"wq.weight", "I8"});
  // A file is missing at the end, or in between.
  expect(2, [](Directory &d) { d.shards.pop_back(); }, {"w1", "12 rows in 1 files", "a file is missing"});
  expect(2, [](Directory &d) { d.folder.write("consolidated.03.pth", "x"); },
         {"consolidated.02.pth is missing", "3 files"});
  expect(2, [](Directory &d) { d.shards[1].erase(d.shards[1].begin()); }, {"consolidated.01.pth", "tok_embeddings"});
  expect(2, [](Directory &d) { d.tensor(1, "layers.0.attention.wq.weight").shape = {2, 8}; },
         {"wq.weight", "[4, 8], [2, 8]", "[8, 8], joined along dimension 0"});
  expect(2, [](Directory &d) { d.tensor(1, "layers.0.attention.wo.weight").shape = {4, 8}; },
         {"wo.weight", "joined along dimension 1"});
  expect(2, [](Directory &d) { d.tensor(1, "tok_embeddings.weight").shape = {8, 8}; },
         {"tok_embeddings", "joined along dimension 0 or 1"});
  expect(2, [](Directory &d) { d.tensor(1, "norm.weight").shape = {4}; }, {"norm.weight", "[8], [4]"});
  // A norm that differs.
  Directory differs(2);
  differs.open();
  differs.folder.write("consolidated.01.pth", checkpoint(differs.shards[1], 'y'));
  expectWords(errorOf([&] { openModel(differs.folder.path.string()); }),
              {"norm", "differs between", "same in all files"});
  TempFolder empty;
  empty.write("params.json", smallParams().dump());
  expectWords(errorOf([&] { openModel(empty.path.string()); }),
              {"has params.json but no weights", "consolidated.00.pth"});
}

namespace {
struct BadCheckpoint {
  const char *name;
  std::string bytes;
  std::vector<std::string> words;
  friend void PrintTo(const BadCheckpoint &value, std::ostream *out) { *out << value.name; }
};
class CheckpointRefusal : public testing::TestWithParam<BadCheckpoint> {};
} // namespace

TEST_P(CheckpointRefusal, NamesWhatIsWrong) {
  TempFolder folder;
  std::string path = folder.write("bad.pth", GetParam().bytes);
  std::vector<std::string> words = GetParam().words;
  words.push_back("bad.pth");
  expectWords(errorOf([&] { meta::readCheckpoint(path); }), words);
}

static std::string withPickle(const std::string &pickle, std::vector<ZipEntry> more = {}) {
  more.insert(more.begin(), {"a/data.pkl", pickle});
  more.push_back({"a/data/0", std::string(64, 'x')});
  return zipArchive(more);
}

/// A checkpoint of the tensor t, 2 x 3 numbers of a storage of 16.
static std::string one(PickledTensor changes) {
  changes.name = "t";
  return withPickle(stateDict({std::move(changes)}));
}

static std::string withTensor(const std::function<void(PickledTensor &)> &change) {
  PickledTensor tensor = {"t", {2, 3}, {}, 0, "0", 16};
  change(tensor);
  return one(tensor);
}

static std::string calls(std::string_view module, std::string_view name) {
  return withPickle(PickleWriter().global(module, name).op('(').text("touch /tmp/x").raw("tR").finish());
}

static std::string cut(const std::string &bytes, size_t left) { return bytes.substr(0, bytes.size() - left); }

static const BadCheckpoint kBadCheckpoints[] = {
    // The archive.
    {"Empty", "", {"is empty"}},
    {"NoArchive", "some text", {"is a text that begins with \"some text\""}},
    {"Binary", std::string("\x01\x02\x00\x03", 4), {"no zip archive of torch.save"}},
    {"OldFormat",
     std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15),
     {"before 1.6", "torch.save it again"}},
    {"BarePickle", std::string("\x80\x02}."), {"pickle"}},
    {"CutDirectory", cut(one({"t", {2, 3}}), 30), {"truncated or damaged"}},
    {"HalfAFile", one({"t", {2, 3}}).substr(0, 100), {"truncated or damaged"}},
    {"NoPickle", zipArchive({{"a/data/0", "xxxx"}}), {"0 entries called data.pkl"}},
    {"TwoPickles", zipArchive({{"a/data.pkl", "."}, {"b/data.pkl", "."}}), {"2 entries called data.pkl"}},
    {"TorchScript", withPickle("\x80\x02}.", {{"a/constants.pkl", "."}}), {"TorchScript program"}},
    {"BigEndian", withPickle("\x80\x02}.", {{"a/byteorder", "big"}}), {"lowest byte first"}},
    {"ClimbingName", withPickle("\x80\x02}.", {{"../../etc/passwd", "x"}}), {"../../etc/passwd", "leads out"}},
    {"AbsoluteName", withPickle("\x80\x02}.", {{"/etc/passwd", "x"}}), {"leads out"}},
    {"BackslashName", withPickle("\x80\x02}.", {{"a\\..\\b", "x"}}), {"leads out"}},
    {"Twice", withPickle("\x80\x02}.", {{"a/x", "1"}, {"a/x", "2"}}), {"\"a/x\"", "is there twice"}},
    {"Compressed", withPickle("\x80\x02}.", {{"a/x", "zz", 8, 0, 1 << 30}}), {"\"a/x\"", "is compressed (method 8"}},
    {"SizesDiffer", withPickle("\x80\x02}.", {{"a/x", "zz", 0, 0, 1 << 30}}), {"\"a/x\"", "is compressed"}},
    {"Encrypted", withPickle("\x80\x02}.", {{"a/x", "zz", 0, 1}}), {"\"a/x\"", "is encrypted"}},
    {"SharedBytes",
     withPickle("\x80\x02}.", {{"a/x", "12345"}, {"a/y", "12345", 0, 0, -1, 44}}),
     {"\"a/y\"", "shares bytes with \"a/x\""}},
    {"EntryBeyondTheFile", withPickle("\x80\x02}.", {{"a/y", "12", 0, 0, -1, 1 << 30}}), {"a/y"}},
    // The pickle's instructions.
    {"CallsSystem", calls("os", "system"), {"it names \"os.system\"", "Do not use the file"}},
    {"CallsEval", calls("builtins", "eval"), {"\"builtins.eval\""}},
    {"CallsOtherOfTorch", calls("torch._utils", "_rebuild_tensor_v3"), {"_rebuild_tensor_v3"}},
    {"CallsSystemByStack",
     withPickle(PickleWriter().text("os").text("system").raw("\x93)R").finish()),
     {"\"os.system\""}},
    {"CallsAType",
     withPickle(PickleWriter().global("torch", "FloatStorage").raw(")R").finish()),
     {"it calls torch.FloatStorage"}},
    {"CallsAString", withPickle(PickleWriter().text("x").raw(")R").finish()), {"it calls a string"}},
    {"FilledOrderedDict",
     withPickle(PickleWriter().global("collections", "OrderedDict").raw("]\x85R").finish()),
     {"it calls collections.OrderedDict with 1 arguments"}},
    {"Inst", withPickle(PickleWriter().raw("(ios\nsystem\n").finish()), {"0x69 (INST)", "Do not use the file"}},
    {"NewObject", withPickle(PickleWriter().global("torch", "FloatStorage").raw(")\x81").finish()), {"0x81 (NEWOBJ)"}},
    {"Extension", withPickle(PickleWriter().raw("\x82\x01").finish()), {"0x82 (EXT1)"}},
    {"UnknownOpcode", withPickle(PickleWriter().raw("\xff").finish()), {"0xff at byte"}},
    {"ProtocolOfTomorrow", withPickle("\x80\x09}."), {"protocol 9"}},
    {"NoStop", withPickle("\x80\x02}"), {"ends in the middle"}},
    {"LongString", withPickle(PickleWriter().raw("X\xff\xff\xff\x7f").finish()), {"ends in the middle"}},
    {"EndlessName", withPickle(PickleWriter().raw("ctorch").finish()), {"ends in the middle of a name"}},
    {"EmptyStack", withPickle(PickleWriter().raw("\x85").finish()), {"from an empty stack"}},
    {"NoMark", withPickle(PickleWriter().raw("}u").finish()), {"mark that is not there"}},
    {"NotRemembered", withPickle(PickleWriter().raw("h\x05").finish()), {"value 5 is asked for"}},
    {"OddItems", withPickle(PickleWriter().raw("}(Nu").finish()), {"a key without a value"}},
    {"ItemsOfAList", withPickle(PickleWriter().raw("](NNu").finish()), {"needs a dict and finds a list"}},
    {"BigInteger", withPickle(PickleWriter().raw("\x8a\xff").raw(std::string(255, 'x')).finish()), {"255 bytes"}},
    {"ManyValues", withPickle("\x80\x02" + std::string(2 << 20, 'N') + "."), {"more than 1048576 values"}},
    {"LargePickle", withPickle("\x80\x02" + std::string(17 << 20, '(') + "."), {"more than the 16777216"}},
    {"PersistentString", withPickle(PickleWriter().text("x").raw("Q").finish()), {"a persistent id is a string"}},
    // What it makes.
    {"AList", withPickle("\x80\x02]."), {"holds a list, not a state dict"}},
    {"NotATensor",
     withPickle(PickleWriter().op('}').text("epoch").integer(3).raw("s").finish()),
     {"\"epoch\" of its state dict is an integer"}},
    {"KeyIsANumber", withPickle(PickleWriter().op('}').integer(3).integer(3).raw("s").finish()), {"not a name"}},
    {"TensorTwice", withPickle(stateDict({{"t", {2}}, {"t", {2}}})), {"\"t\" is there twice"}},
    {"NoArguments",
     withPickle(PickleWriter().op('}').text("t").global("torch._utils", "_rebuild_tensor_v2").raw(")Rs").finish()),
     {"\"t\" has no storage"}},
    {"NegativeSize",
     withTensor([](PickledTensor &t) { t.shape = {-2, 3}, t.strides = {3, 1}; }),
     {"\"t\" has something else than a number from 0 up for its shape"}},
    {"NegativeOffset", withTensor([](PickledTensor &t) { t.offset = -1; }), {"offset"}},
    {"HugeShape",
     withTensor(
         [](PickledTensor &t) { t.shape = {int64_t(1) << 40, int64_t(1) << 40}, t.strides = {int64_t(1) << 40, 1}; }),
     {"overflows"}},
    {"ManyDimensions", withTensor([](PickledTensor &t) { t.shape.assign(100, 1); }), {"100 dimensions"}},
    {"NotContiguous", withTensor([](PickledTensor &t) { t.strides = {1, 2}; }), {"row by row", ".contiguous()"}},
    {"Expanded", withTensor([](PickledTensor &t) { t.strides = {0, 0}; }), {"row by row"}},
    {"FewStrides", withTensor([](PickledTensor &t) { t.strides = {1}; }), {"2 dimensions and 1 strides"}},
    {"ViewBeyondStorage",
     withTensor([](PickledTensor &t) { t.offset = 11; }),
     {"elements 11 to 17 of a storage of 16"}},
    {"StorageBeyondEntry", withTensor([](PickledTensor &t) { t.stored = 17; }), {"a storage of 17", "64 bytes"}},
    {"NoSuchStorage", withTensor([](PickledTensor &t) { t.key = "7"; }), {"a/data/7", "does not have"}},
    {"ClimbingKey", withTensor([](PickledTensor &t) { t.key = "../data.pkl"; }), {"../data.pkl", "leads out"}},
    {"UnknownStorage", withTensor([](PickledTensor &t) { t.storageClass = "QInt8Storage"; }), {"torch.QInt8Storage"}},
};
static_assert(std::size(kBadCheckpoints) >= kMinBadCheckpoints);

INSTANTIATE_TEST_SUITE_P(All, CheckpointRefusal, testing::ValuesIn(kBadCheckpoints),
                         [](const auto &each) { return std::string(each.param.name); });

// Test: a view of a part of a storage, and a tensor of a type that weights do not have.
TEST(Checkpoint, Views) {
  TempFolder folder;
  WeightIndex index = meta::readCheckpoint(folder.write(
      "a.pth", withPickle(stateDict({{"t", {2, 3}, {}, 4, "0", 16}, {"b", {4}, {}, 0, "0", 16, "BoolStorage"}}))));
  const WeightEntry *tensor = index.find("t");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->size, 24u);
  EXPECT_EQ(index.foreign.at("b").dtype, "BOOL");
  WeightIndex whole =
      meta::readCheckpoint(folder.write("b.pth", withPickle(stateDict({{"t", {2, 3}, {}, 0, "0", 16}}))));
  // Four elements further on, behind a pickle that is longer.
  size_t longer = std::filesystem::file_size(folder.file("a.pth")) - std::filesystem::file_size(folder.file("b.pth"));
  EXPECT_EQ(tensor->offset, whole.find("t")->offset + longer + 16);
}
