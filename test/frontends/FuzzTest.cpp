//===- FuzzTest.cpp - Nothing in a config or a header may crash the readers --------------===//
//
// Random mutations of valid inputs, from fixed seeds (test/fuzz/ follows coverage instead): each is accepted or refused
// with quipu::Error, and whatever is accepted keeps the invariants. A reader that refuses everything, or takes
// everything, fails. The sanitizer build runs the same tests.
//
//===----------------------------------------------------------------------------------===//

#include "Checkpoint.h"
#include "GgufFile.h"
#include "Support.h"

#include "frontends/hf/Architectures.h"
#include "frontends/hf/Config.h"
#include "frontends/hf/Safetensors.h"
#include "frontends/hf/TokenizerFiles.h"
#include "frontends/meta/Checkpoint.h"
#include "frontends/meta/Params.h"
#include "runtime/text/Tokenizer.h"
#include "test/fuzz/Invariants.h"

#include <random>

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;
using nlohmann::json;

namespace {
/// How a reader took its inputs.
struct Outcomes {
  int accepted = 0, refused = 0;

  /// Runs `read`, which throws quipu::Error when it refuses its input.
  template <typename Read> void count(Read read) {
    try {
      read();
      ++accepted;
    } catch (const Error &) {
      ++refused;
    }
  }
};
} // namespace

static void checkInvariants(const ModelConfig &config) { EXPECT_STREQ(brokenInvariant(config), nullptr); }

static json oddValue(std::mt19937 &random) {
  static const json values[] = {nullptr,
                                true,
                                false,
                                0,
                                1,
                                -1,
                                3,
                                2147483648u,
                                4294967296,
                                18446744073709551615u,
                                -9223372036854775807,
                                0.5,
                                1e308,
                                -0.0,
                                1e-320,
                                "",
                                "llama3",
                                std::string("\0x\xc3\xa9", 4),
                                json::array(),
                                json::object(),
                                json::array({1, 2, 3}),
                                {{"type", "linear"}},
                                {{"rope_type", "llama3"}, {"factor", 8}},
                                json::array({json::array({json::object()})})};
  return values[random() % std::size(values)];
}

TEST(Fuzz, ConfigFields) {
  std::mt19937 random(1);
  json base = smallConfig();
  base["rope_scaling"] = {{"rope_type", "llama3"},
                          {"factor", 8},
                          {"low_freq_factor", 1},
                          {"high_freq_factor", 4},
                          {"original_max_position_embeddings", 32}};
  base["head_dim"] = 2;
  base["layer_types"] = {"full_attention", "full_attention"};
  base["rope_parameters"] = nullptr;
  base["sliding_window"] = nullptr;
  base["use_sliding_window"] = false;
  base["max_window_layers"] = 1;
  base["rope_interleaved"] = false;
  Outcomes outcomes;
  for (int i = 0; i < 6000; ++i) {
    json config = base;
    const hf::Architecture &architecture = hf::architectures()[random() % hf::architectures().size()];
    config["model_type"] = architecture.modelType;
    config["architectures"] = {architecture.name};
    for (unsigned n = 1 + random() % 3; n > 0; --n) {
      json &object = random() % 3 == 0 && config["rope_scaling"].is_object() ? config["rope_scaling"] : config;
      if (object.empty())
        continue;
      auto it = object.begin();
      std::advance(it, random() % object.size());
      if (random() % 8 == 0)
        object.erase(it);
      else
        *it = oddValue(random);
    }
    outcomes.count([&] { checkInvariants(hf::parseConfig(config.dump(), "config.json")); });
  }
  EXPECT_GT(outcomes.accepted, 100);
  EXPECT_GT(outcomes.refused, 1000);
}

static std::string mutateBytes(std::string text, std::mt19937 &random) {
  for (unsigned n = 1 + random() % 4; n > 0 && !text.empty(); --n) {
    size_t at = random() % text.size();
    switch (random() % 5) {
    case 0:
      text[at] = char(random());
      break;
    case 1:
      text[at] = "0123456789-.eE\"{}[],:"[random() % 21];
      break;
    case 2:
      text.erase(at, 1 + random() % 8);
      break;
    case 3:
      text.insert(at, text.substr(random() % text.size(), random() % 16));
      break;
    case 4:
      text.resize(at);
      break;
    }
  }
  return text;
}

TEST(Fuzz, ConfigBytes) {
  std::mt19937 random(2);
  std::string base = smallConfig().dump(1);
  Outcomes outcomes;
  for (int i = 0; i < 6000; ++i) {
    std::string bytes = mutateBytes(base, random);
    outcomes.count([&] { checkInvariants(hf::parseConfig(bytes, "config.json")); });
  }
  EXPECT_GT(outcomes.accepted, 100);
  EXPECT_GT(outcomes.refused, 1000);
}

TEST(Fuzz, Safetensors) {
  std::mt19937 random(3);
  TempFolder folder;
  std::string base = safetensorsFile({{"a", "F32", {2, 3}}, {"b", "BF16", {4}}, {"c", "F16", {1, 1, 5}}});
  Outcomes outcomes;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = base;
    if (random() % 4 == 0) {
      bytes[random() % 8] = char(random());
    } else {
      uint64_t length = bytes.size() - 8 - 42;
      std::string header = mutateBytes(bytes.substr(8, length), random);
      bytes = safetensorsFile(header, bytes.substr(8 + length));
    }
    std::string path = folder.write("x.safetensors", bytes);
    outcomes.count([&] {
      WeightIndex index = hf::readSafetensors(path);
      EXPECT_GE(index.tensors.size(), 1u);
      uint64_t total = index.files.front().header.front().size;
      for (const auto &[name, entry] : index.tensors) {
        EXPECT_LE(entry.offset + entry.size, bytes.size());
        total += entry.size;
      }
      for (const auto &[name, tensor] : index.foreign)
        total += tensor.size;
      EXPECT_EQ(total, bytes.size());
    });
  }
  EXPECT_GT(outcomes.accepted, 20);
  EXPECT_GT(outcomes.refused, 1000);
}

/// Changes bytes of a header, or numbers of it: to 0, to 1, to the largest, by one bit.
static std::string mutateNumbers(std::string bytes, size_t headerSize, std::mt19937 &random) {
  for (unsigned n = 1 + random() % 3; n > 0; --n) {
    size_t at = random() % headerSize, size = size_t(1) << random() % 4;
    size = std::min(size, headerSize - at);
    switch (random() % 5) {
    case 0:
      bytes.replace(at, size, std::string(size, '\0'));
      break;
    case 1:
      bytes.replace(at, size, std::string(size, '\xff'));
      break;
    case 2:
      bytes[at] = char(bytes[at] ^ (1 << random() % 8));
      break;
    case 3:
      bytes[at] = char(random());
      break;
    case 4:
      bytes.replace(at, size, bytes, random() % headerSize, size);
      break;
    }
  }
  return bytes;
}

TEST(Fuzz, Gguf) {
  std::mt19937 random(4);
  TempFolder folder;
  GgufFile file = smallGguf();
  addTokenizer(file);
  file.set("llama.rope.scaling.type", "linear");
  file.set("llama.rope.scaling.factor", 2.0f);
  file.tensors.push_back({"rope_freqs.weight", {1}, 0, bytesOf(2.0f), std::nullopt});
  std::string base = file.bytes();
  size_t headerSize = file.header().size(), keysSize = base.find("tokenizer.ggml.model");
  Outcomes outcomes;
  for (int i = 0; i < 2000; ++i) {
    // Half of them in front of the vocabulary, which is most of the header.
    std::string bytes = mutateNumbers(base, random() % 2 ? headerSize : keysSize, random);
    if (random() % 16 == 0)
      bytes.resize(random() % bytes.size());
    std::string path = folder.write("x.gguf", bytes);
    outcomes.count([&] {
      Model model = openModel(path);
      checkInvariants(model.config);
      for (const auto &[name, entry] : model.weights->tensors)
        EXPECT_LE(entry.offset + entry.size, bytes.size());
      for (double divisor : model.config.rope.divisors)
        EXPECT_GT(divisor, 0);
    });
  }
  EXPECT_GT(outcomes.accepted, 50);
  EXPECT_GT(outcomes.refused, 500);
}

// Files of tokenizers of each kind: what is read makes ids of a text, and text of ids.
TEST(Fuzz, Tokenizers) {
  std::mt19937 random(4);
  for (const char *file : {"llama3/tokenizer.json", "metaspace/tokenizer.json", "ranks/tokenizer.model",
                           "sp_bpe/tokenizer.bin", "sp_bpe/tokenizer.model"}) {
    TempFolder folder;
    std::ifstream stream(std::string(QUIPU_TEST_SOURCE_DIR) + "/tokenizers/" + file, std::ios::binary);
    std::string base((std::istreambuf_iterator<char>(stream)), {});
    ASSERT_GT(base.size(), 1000u);
    std::string name = std::filesystem::path(file).filename().string();
    Outcomes outcomes;
    for (int i = 0; i < 150; ++i) {
      std::string path = folder.write(name, i % 15 ? mutateBytes(base, random) : base);
      outcomes.count([&] {
        std::vector<Note> notes;
        auto tokenizer = Tokenizer::fromData(hf::readTokenizer(path, 1000, notes, false).data);
        for (SpecialTokens special : {SpecialTokens::asText, SpecialTokens::asTokens})
          (void)tokenizer->decode(tokenizer->encode("The café, <s> <|eot_id|> 1234 😀\n", special));
      });
    }
    EXPECT_GE(outcomes.accepted, 10) << file;
    EXPECT_GE(outcomes.refused, 10) << file;
  }
}

// Test: whatever is accepted lies in the file.
TEST(Fuzz, Checkpoint) {
  std::mt19937 random(4);
  TempFolder folder;
  std::string base = checkpoint({{"a", {2, 3}}, {"b", {4}, {}, 0, "0", -1, "HalfStorage"}, {"c", {5}}});
  Outcomes outcomes;
  for (int i = 0; i < 3000; ++i) {
    std::string bytes = base;
    if (random() % 4 == 0)
      bytes = mutateBytes(bytes, random);
    else
      for (unsigned n = 1 + random() % 3; n > 0; --n)
        bytes[random() % bytes.size()] = char(random());
    std::string path = folder.write("x.pth", bytes);
    outcomes.count([&] {
      WeightIndex index = meta::readCheckpoint(path);
      for (const auto &[name, entry] : index.tensors) {
        EXPECT_LE(entry.offset, bytes.size());
        EXPECT_LE(entry.size, bytes.size() - entry.offset);
      }
    });
  }
  EXPECT_GT(outcomes.accepted, 100);
  EXPECT_GT(outcomes.refused, 500);
}

TEST(Fuzz, Params) {
  std::mt19937 random(5);
  json params = {{"dim", 64},         {"n_layers", 2},          {"n_heads", 4},      {"n_kv_heads", 2},
                 {"vocab_size", 128}, {"norm_eps", 1e-5},       {"multiple_of", 32}, {"ffn_dim_multiplier", 1.3},
                 {"rope_theta", 5e5}, {"use_scaled_rope", true}};
  Outcomes outcomes;
  for (int i = 0; i < 6000; ++i) {
    std::string bytes = mutateBytes(params.dump(1), random);
    outcomes.count([&] {
      ModelConfig config = meta::parseParams(bytes, "params.json").config;
      config.vocabSize = std::max(config.vocabSize, 1u);
      config.intermediateSize = std::max(config.intermediateSize, 1u);
      checkInvariants(config);
    });
  }
  EXPECT_GT(outcomes.accepted, 100);
  EXPECT_GT(outcomes.refused, 1000);
}
