//===- Llama2cTest.cpp - Models of llama2.c ----------------------------------------------===//

#include "Support.h"

#include <algorithm>
#include <array>
#include <cstring>

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;

namespace {

/// A file, to be bent: its weights are letters.
struct File {
  int32_t version = 0;
  /// dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len.
  std::array<int32_t, 7> numbers = {64, 96, 2, 4, 2, 10, 16};
  bool tied = true;
  int32_t group = 32;
  uint32_t magic = 0x616b3432;
  int64_t more = 0;

  template <typename Number> static std::string little(Number number) {
    std::string bytes(sizeof(number), '\0');
    memcpy(bytes.data(), &number, sizeof(number));
    return bytes;
  }

  std::string header() const {
    std::array<int32_t, 7> stored = numbers;
    if (version == 0) {
      if (!tied)
        stored[5] = -stored[5];
      return little(stored);
    }
    std::string bytes = little(magic) + little(version) + little(stored) + char(tied);
    if (version == 2)
      bytes += little(group);
    bytes.resize(256);
    return bytes;
  }
  /// Bytes of the weights.
  uint64_t weights() const {
    auto n = [&](size_t i) { return uint64_t(numbers[i]); };
    uint64_t keyValue = n(0) / n(3) * n(4);
    uint64_t matrices = n(2) * (2 * n(0) * n(0) + 2 * n(0) * keyValue + 3 * n(0) * n(1)) + (tied ? 1 : 2) * n(5) * n(0);
    uint64_t norms = (2 * n(2) + 1) * n(0);
    if (version == 2)
      return 4 * norms + matrices + 4 * matrices / uint64_t(group);
    return 4 * (norms + matrices + (version == 0 ? n(6) * n(0) / n(3) : 0));
  }
  std::string bytes() const { return header() + std::string(size_t(int64_t(weights()) + more), 'x'); }

  Model open() const {
    TempFolder folder;
    return openModel(folder.write("model.bin", bytes()));
  }
};

const WeightEntry &entryOf(const Model &model, const std::string &name) {
  const WeightEntry *entry = model.weights ? model.weights->find(name) : nullptr;
  if (!entry)
    throw std::logic_error("no tensor " + name);
  return *entry;
}

} // namespace

TEST(Llama2c, Version0) {
  Model model = File().open();
  const ModelConfig &config = model.config;
  EXPECT_EQ(config.name, "model");
  EXPECT_EQ(config.headDim, 16u);
  EXPECT_EQ(config.numKvHeads, 2u);
  EXPECT_EQ(config.maxPositionEmbeddings, 16u);
  EXPECT_EQ(config.rmsNormEps, 1e-5);
  EXPECT_EQ(config.rope.theta, 10000.0);
  EXPECT_EQ(config.rope.layout, RotaryLayout::interleaved);
  EXPECT_TRUE(config.tieWordEmbeddings);
  EXPECT_TRUE(hasNote(config, "rms_norm_eps", Note::Kind::provenance));
  EXPECT_TRUE(hasNote(config, "rope_theta", Note::Kind::provenance));
  EXPECT_EQ(config.eosTokenIds, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(model.weights->tensors.size(), expectedWeights(config).size());
  EXPECT_EQ(entryOf(model, "embed_tokens").offset, 28u);
  EXPECT_EQ(entryOf(model, "layers.0.input_layernorm").offset, 28u + 10 * 64 * 4);
  // Weights of one kind follow each other, layer by layer.
  const WeightEntry &first = entryOf(model, "layers.0.mlp.down_proj"),
                    &second = entryOf(model, "layers.1.mlp.down_proj");
  EXPECT_EQ(first.shape, (std::vector<uint64_t>{64, 96}));
  EXPECT_EQ(second.offset, first.offset + first.size);
  EXPECT_EQ(entryOf(model, "layers.0.mlp.up_proj").offset, second.offset + second.size);
}

// Test: a head that is stored lies behind the rotary tables.
TEST(Llama2c, Version0Untied) {
  File file;
  file.tied = false;
  Model model = file.open();
  EXPECT_FALSE(model.config.tieWordEmbeddings);
  EXPECT_EQ(model.config.vocabSize, 10u);
  const WeightEntry &norm = entryOf(model, "norm"), &head = entryOf(model, "lm_head");
  EXPECT_EQ(head.offset, norm.offset + norm.size + 4 * 16 * 16);
  EXPECT_EQ(head.offset + head.size, model.weights->files[0].size);
}

TEST(Llama2c, Version1) {
  for (bool tied : {true, false}) {
    File file;
    file.version = 1;
    file.tied = tied;
    Model model = file.open();
    EXPECT_EQ(model.config.tieWordEmbeddings, tied);
    EXPECT_EQ(entryOf(model, "layers.0.input_layernorm").offset, 256u);
    EXPECT_EQ(entryOf(model, "layers.0.post_attention_layernorm").offset, 256u + 2 * 256);
    EXPECT_EQ(entryOf(model, "norm").offset, 256u + 4 * 256);
    EXPECT_EQ(entryOf(model, "embed_tokens").offset, 256u + 5 * 256);
    const WeightEntry &last = entryOf(model, tied ? "layers.1.mlp.up_proj" : "lm_head");
    EXPECT_EQ(last.offset + last.size, model.weights->files[0].size);
  }
}

// Test: integers and scales of a matrix, of which the group size lies at an odd address.
TEST(Llama2c, Version2) {
  File file;
  file.version = 2;
  Model model = file.open();
  EXPECT_EQ(entryOf(model, "norm").format->name, "f32");
  const WeightEntry &embedding = entryOf(model, "embed_tokens");
  EXPECT_EQ(embedding.format->name, "q8_f32");
  EXPECT_EQ(embedding.size, 10u * 64 / 32 * 36);
  EXPECT_EQ(embedding.pieces, (std::vector<TensorPiece>{{0, 256 + 5 * 256, 0, 10, 0, 64, 256 + 5 * 256 + 640, 32}}));
  const TensorPiece &query = entryOf(model, "layers.0.self_attn.q_proj").pieces.at(0);
  EXPECT_EQ(query.offset, 256u + 5 * 256 + 640 + 640 / 32 * 4);
}

// Test: a hash of the header is that of nothing else.
TEST(Llama2c, HeaderHash) {
  File file, other;
  Hash128 hash = file.open().weights->files[0].headerHash;
  TempFolder folder;
  std::string changed = file.bytes();
  changed.back() = 'y';
  EXPECT_EQ(openModel(folder.write("model.bin", changed)).weights->files[0].headerHash, hash);
  other.numbers[6] = 32;
  EXPECT_NE(other.open().weights->files[0].headerHash, hash);
}

TEST(Llama2c, TokenizerBeside) {
  TempFolder folder;
  std::string pieces = File::little<int32_t>(8);
  for (const char *piece : {"<unk>", "\n<s>\n", "\n</s>\n", " a", "b"})
    pieces += File::little(0.0f) + File::little(int32_t(strlen(piece))) + piece;
  folder.write("tokenizer.bin", pieces);
  Model model = openModel(folder.write("model.bin", File().bytes()));
  EXPECT_TRUE(model.tokenizer.data.exists());
  EXPECT_EQ(model.config.bosTokenIds, std::vector<int32_t>{1});
}

namespace {
struct BadFile {
  const char *name;
  std::function<void(File &)> change;
  std::vector<std::string> words;
};
} // namespace

static const BadFile kBadFiles[] = {
    {"short", [](File &f) { f.more = -1; }, {"it is truncated"}},
    {"long", [](File &f) { f.more = 1; }, {"bytes long, but a llama2.c model of version 0"}},
    {"short v1", [](File &f) { f.version = 1, f.more = -4; }, {"version 1", "truncated"}},
    {"short v2", [](File &f) { f.version = 2, f.more = -4; }, {"version 2", "truncated"}},
    {"no layers", [](File &f) { f.numbers[2] = 0; }, {"n_layers is 0"}},
    {"negative dim", [](File &f) { f.version = 1, f.numbers[0] = -64; }, {"dim is -64"}},
    {"huge hidden", [](File &f) { f.version = 1, f.numbers[1] = 1 << 30; }, {"hidden_dim is 1073741824"}},
    {"negative vocab", [](File &f) { f.version = 1, f.numbers[5] = -10; }, {"vocab_size is -10"}},
    {"no positions", [](File &f) { f.version = 1, f.numbers[6] = 0; }, {"seq_len is 0"}},
    {"heads", [](File &f) { f.numbers[4] = 3; }, {"n_heads is 4 but must be a multiple", "3"}},
    {"odd heads",
     [](File &f) {
       f.numbers[3] = 64;
       f.numbers[4] = 1;
     },
     {"dim is 64 but must be an even multiple"}},
    {"dim", [](File &f) { f.numbers[0] = 66; }, {"dim is 66 but must be an even multiple"}},
    {"version", [](File &f) { f.version = 3; }, {"version 3", "only 0, 1 and 2"}},
    {"group of nothing", [](File &f) { f.version = 2, f.group = -32; }, {"groups have -32"}},
    {"small group", [](File &f) { f.version = 2, f.group = 16; }, {"groups have 16", "multiples of 32"}},
    {"group and rows", [](File &f) { f.version = 2, f.group = 64; }, {"rows of 96 values", "groups of 64"}},
};
static_assert(std::size(kBadFiles) >= kMinBadLlama2c);

TEST(Llama2c, Refusals) {
  for (const BadFile &each : kBadFiles) {
    SCOPED_TRACE(each.name);
    File file;
    each.change(file);
    TempFolder folder;
    // What the header says may be more than a test should write.
    std::string bytes = file.header();
    auto isSmall = [](int32_t number) { return number > 0 && number < 1000; };
    if (std::ranges::all_of(file.numbers, isSmall) && isSmall(file.group))
      bytes = file.bytes();
    std::vector<std::string> words = each.words;
    words.push_back("model.bin");
    expectWords(errorOf([&] { openModel(folder.write("model.bin", bytes)); }), words);
  }
  auto refuse = [](const std::string &bytes, std::vector<std::string> words) {
    TempFolder folder;
    expectWords(errorOf([&] { openModel(folder.write("model.bin", bytes)); }), std::move(words));
  };
  refuse("", {"is empty"});
  refuse(std::string("\x40\0\0\0\x60", 5), {"5 bytes long", "too short"});
  refuse("24ka\1", {"5 bytes long", "256 bytes"});
  refuse(std::string(512, '\0'), {"nothing but zeros"});
  refuse("version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 4\n", {"Git LFS pointer"});
  refuse("<!DOCTYPE html><html><body>Sign in</body></html>", {"web page"});
  refuse(std::string("PK\3\4\0\0\0\0archive/data.pkl", 24), {"PyTorch checkpoint"});
  File file;
  file.version = 1;
  std::string shared = file.bytes();
  shared[36] = 2;
  refuse(shared, {"shared_classifier is 2"});
}
