//===- TokenizerGoldenTest.cpp - Tokenizers of every kind against the libraries that made them --===//
//
// test/tokenizers/make_goldens.py writes the tokenizers, the texts, and what `tokenizers`, `sentencepiece` and
// `tiktoken` make of them.
//
//===----------------------------------------------------------------------------------===//

#include "Support.h"

#include "frontends/common/ByteLevelVocabulary.h"
#include "frontends/common/PieceModel.h"
#include "frontends/common/RankFile.h"
#include "frontends/hf/TokenizerFiles.h"
#include "runtime/abi/SentencePieceModel.h"
#include "runtime/text/StreamDecoder.h"
#include "runtime/text/Tokenizer.h"

#include <builtin_pb/sentencepiece_model.pb.h>

#include <ctime>

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;
using nlohmann::json;

namespace {

const std::string kFolder = std::string(QUIPU_TEST_SOURCE_DIR) + "/tokenizers/";

json readJson(const std::string &path) {
  std::ifstream file(path);
  return json::parse(file);
}

/// The texts of the corpus, without those that are no UTF-8.
const std::vector<std::string> &texts() {
  static const auto all = [] {
    std::vector<std::string> found;
    for (const json &entry : readJson(kFolder + "corpus.json"))
      if (entry.contains("text"))
        found.push_back(entry["text"]);
    return found;
  }();
  return all;
}

std::unique_ptr<Tokenizer> open(const std::string &file) {
  std::vector<Note> notes;
  return Tokenizer::fromData(hf::readTokenizer(kFolder + file, 100000, notes, false).data);
}

std::string streamed(const Tokenizer &tokenizer, const std::vector<int32_t> &ids) {
  StreamDecoder decoder(tokenizer);
  std::string text;
  for (int32_t id : ids)
    text += decoder.push(id);
  return text + decoder.finish();
}

/// Ids, ids with special tokens, and decoded text of all texts.
void expectGoldens(const Tokenizer &tokenizer, const std::string &name) {
  json file = readJson(kFolder + name + "/goldens.json");
  ASSERT_GE(texts().size(), 300u);
  ASSERT_EQ(file["goldens"].size(), texts().size());
  // Where every place is allowed, and where none is for special tokens.
  auto isAllowed = [](int32_t, size_t, size_t) { return true; };
  auto isPlain = [&](int32_t id, size_t, size_t) {
    return std::ranges::none_of(tokenizer.spelledTokens(),
                                [&](const auto &token) { return token.id == id && token.isSpecial; });
  };
  for (size_t i = 0; i < texts().size(); ++i) {
    const std::string &text = texts()[i];
    const json &golden = file["goldens"][i];
    std::vector<int32_t> ids = golden["ids"];
    EXPECT_EQ(tokenizer.encodePlain(text), ids) << name << ": " << json(text);
    EXPECT_EQ(tokenizer.encodePlain(text, SpecialTokens::asTokens), golden.value("special", ids))
        << name << ": " << json(text);
    EXPECT_EQ(tokenizer.encodePlaces(text, isPlain), ids) << name << ": " << json(text);
    EXPECT_EQ(tokenizer.encodePlaces(text, isAllowed), golden.value("special", ids)) << name << ": " << json(text);
    EXPECT_EQ(tokenizer.decode(ids), golden.value("decoded", text)) << name << ": " << json(text);
    EXPECT_EQ(streamed(tokenizer, ids), golden.value("decoded", text)) << name << ": " << json(text);
    EXPECT_FALSE(tokenizer.isLongerThan(text, ids.size())) << name << ": " << json(text);
  }
  if (!file.contains("before"))
    return;
  std::vector<int32_t> begun = file["before"];
  std::vector<int32_t> plain = tokenizer.encodePlain("x");
  begun.insert(begun.end(), plain.begin(), plain.end());
  EXPECT_EQ(tokenizer.encode("x"), begun) << name;
}

class TokenizerGoldens : public testing::TestWithParam<const char *> {};

} // namespace

// Test: ids and texts are those of Hugging Face's tokenizers, for byte-level BPE and BPE with byte fallback.
TEST_P(TokenizerGoldens, TokenizerJson) {
  std::string name = GetParam();
  expectGoldens(*open(name + "/tokenizer.json"), name);
}
INSTANTIATE_TEST_SUITE_P(Kinds, TokenizerGoldens,
                         testing::Values("gpt2", "llama3", "qwen2", "smollm", "llama2", "mistral", "metaspace"),
                         [](const auto &info) { return std::string(info.param); });

/// Without special tokens: SentencePiece's package finds none in a text.
static void expectSentencePiece(const Tokenizer &tokenizer, const std::string &name) {
  json goldens = readJson(kFolder + name + "/goldens.json")["goldens"];
  ASSERT_EQ(goldens.size(), texts().size());
  for (size_t i = 0; i < texts().size(); ++i) {
    std::vector<int32_t> ids = goldens[i]["ids"];
    EXPECT_EQ(tokenizer.encodePlain(texts()[i]), ids) << name << ": " << json(texts()[i]);
    EXPECT_EQ(tokenizer.decode(ids), goldens[i].value("decoded", texts()[i])) << name << ": " << json(texts()[i]);
    EXPECT_EQ(streamed(tokenizer, ids), tokenizer.decode(ids));
    EXPECT_FALSE(tokenizer.isLongerThan(texts()[i], ids.size())) << name << ": " << json(texts()[i]);
  }
}

TEST(TokenizerGoldens, SentencePieceBpe) { expectSentencePiece(*open("sp_bpe/tokenizer.model"), "sp_bpe"); }
TEST(TokenizerGoldens, SentencePieceUnigram) { expectSentencePiece(*open("sp_unigram/tokenizer.model"), "sp_unigram"); }

// Test: llama2.c's file of the same pieces gives the same ids.
TEST(TokenizerGoldens, Llama2c) { expectSentencePiece(*open("sp_bpe/tokenizer.bin"), "sp_bpe"); }

// Test: so do the pieces and scores alone, as GGUF has them for `llama`.
TEST(TokenizerGoldens, GgufLlama) {
  for (const char *name : {"sp_bpe", "sp_unigram"}) {
    std::ifstream file(kFolder + name + "/tokenizer.model", std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    auto proto = readSentencePieceModel({reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()}, name);
    std::vector<ScoredPiece> pieces;
    for (const auto &piece : proto->pieces())
      pieces.push_back({piece.piece(), piece.score(), PieceType(piece.type())});
    PieceModelSettings settings;
    bool isUnigram = proto->trainer_spec().model_type() == sentencepiece::TrainerSpec::UNIGRAM;
    settings.algorithm = isUnigram ? PieceModelSettings::Algorithm::unigram : PieceModelSettings::Algorithm::bpe;
    settings.removeExtraSpaces = proto->normalizer_spec().remove_extra_whitespaces();
    settings.characterMap = proto->normalizer_spec().precompiled_charsmap();
    settings.bos = 1;
    settings.eos = 2;
    TokenizerData data{name, sentencePieceModelOf(pieces, settings, name), TokenizerSettings()};
    expectSentencePiece(*Tokenizer::fromData(data), name);
  }
}

// Test: ids are those of tiktoken, for ranks in base64 with the special tokens of Llama 3.
TEST(TokenizerGoldens, Ranks) {
  auto tokenizer = open("ranks/tokenizer.model");
  expectGoldens(*tokenizer, "ranks");
  EXPECT_EQ(tokenizer->find("<|eot_id|>"), *tokenizer->bos() + 9);
  EXPECT_EQ(tokenizer->size(), *tokenizer->bos() + 256);
}

namespace {

/// A tokenizer.json as GGUF has it.
ByteLevelVocabulary ggufOf(const json &file, const std::string &pre) {
  ByteLevelVocabulary vocabulary;
  vocabulary.pre = pre;
  std::map<int32_t, std::string> tokens;
  for (const auto &item : file["model"]["vocab"].items())
    tokens[item.value()] = item.key();
  std::map<int32_t, bool> special;
  for (const json &token : file["added_tokens"]) {
    tokens[token["id"]] = token["content"];
    special[token["id"]] = token["special"];
  }
  for (const auto &[id, token] : tokens) {
    vocabulary.tokens.push_back(token);
    bool isAdded = special.contains(id);
    vocabulary.types.push_back(!isAdded      ? PieceType::normal
                               : special[id] ? PieceType::control
                                             : PieceType::userDefined);
  }
  for (const json &merge : file["model"]["merges"])
    vocabulary.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  return vocabulary;
}

} // namespace

// Test: GGUF's names for pre-tokenisers give the ids of the tokenizers that they were made for.
TEST(TokenizerGoldens, GgufByteLevel) {
  for (const auto &[name, pre] :
       std::map<std::string, std::string>{{"llama3", "llama-bpe"}, {"qwen2", "qwen2"}, {"smollm", "smollm"}}) {
    ByteLevelVocabulary vocabulary = ggufOf(readJson(kFolder + name + "/tokenizer.json"), pre);
    if (name == "llama3")
      vocabulary.bos = int32_t(std::ranges::find(vocabulary.tokens, "<|begin_of_text|>") - vocabulary.tokens.begin());
    expectGoldens(*Tokenizer::fromData(byteLevelTokenizerOf(vocabulary, name)), name);
  }
}

// Test: each family of pre-tokenisers finds the words that the models' own regular expressions find.
TEST(TokenizerGoldens, PreTokenizers) {
  json base = readJson(kFolder + "gpt2/tokenizer.json");
  base["added_tokens"] = json::array();
  json kinds = readJson(kFolder + "gpt2/pre.json");
  ASSERT_GE(kinds.size(), 16u);
  for (const auto &kind : kinds.items()) {
    auto tokenizer = Tokenizer::fromData(byteLevelTokenizerOf(ggufOf(base, kind.key()), kind.key()));
    size_t compared = 0;
    for (size_t i = 0; i < texts().size(); ++i)
      if (const json &ids = kind.value()[i]; !ids.is_null()) {
        EXPECT_EQ(tokenizer->encodePlain(texts()[i]), ids.get<std::vector<int32_t>>())
            << kind.key() << ": " << json(texts()[i]);
        ++compared;
      }
    EXPECT_GE(compared, 100u);
  }
}

// Test: bytes that are no characters become what they become in Hugging Face's tokenizers, also where a text streams.
TEST(TokenizerGoldens, BytesThatAreNoText) {
  for (const char *name : {"gpt2", "llama3"}) {
    auto tokenizer = open(std::string(name) + "/tokenizer.json");
    size_t broken = 0;
    for (const json &golden : readJson(kFolder + name + "/decode.json")) {
      std::vector<int32_t> ids = golden["ids"];
      std::string text = golden["decoded"];
      EXPECT_EQ(tokenizer->decode(ids), text) << name << ": " << golden["ids"];
      EXPECT_EQ(streamed(*tokenizer, ids), text) << name << ": " << golden["ids"];
      broken += text.find("\uFFFD") != std::string::npos;
    }
    EXPECT_GE(broken, 100u);
  }
}

// Test: every tokenizer that changes no text gives each text back; all of them name the first byte that is no UTF-8.
TEST(TokenizerGoldens, RoundTripsAndInvalidTexts) {
  json corpus = readJson(kFolder + "corpus.json");
  for (const char *file :
       {"gpt2/tokenizer.json", "llama3/tokenizer.json", "smollm/tokenizer.json", "llama2/tokenizer.json",
        "ranks/tokenizer.model", "sp_bpe/tokenizer.model", "sp_bpe/tokenizer.bin", "qwen2/tokenizer.json",
        "mistral/tokenizer.json", "sp_unigram/tokenizer.model"}) {
    auto tokenizer = open(file);
    std::string name(file);
    bool isLossless = !name.starts_with("qwen2") && !name.starts_with("mistral") && !name.starts_with("sp_unigram");
    // U+2581 stands for a space where pieces are characters, and added tokens may take spaces with them.
    bool hasMark = name.starts_with("llama2") || name.starts_with("sp_");
    size_t invalid = 0;
    for (const json &entry : corpus) {
      if (entry.contains("hex")) {
        std::string bytes, hex = entry["hex"];
        for (size_t i = 0; i < hex.size(); i += 2)
          bytes += char(std::stoi(hex.substr(i, 2), nullptr, 16));
        std::string message = errorOf([&] { (void)tokenizer->encode(bytes); });
        EXPECT_NE(message.find(concat("the text is not UTF-8: byte ", entry["wrong"].get<int>(), " is 0x")),
                  std::string::npos)
            << file << ": " << hex << ": " << message;
        ++invalid;
        continue;
      }
      std::string text = entry["text"];
      if (!isLossless || (hasMark && text.find("▁") != std::string::npos) ||
          (name.starts_with("gpt2") && text.find_first_of("<") != std::string::npos))
        continue;
      EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text) << file << ": " << json(text);
    }
    EXPECT_GE(invalid, 20u);
  }
}

/// A sanitizer takes ten times as long.
static constexpr size_t kLongBytes =
#if __has_feature(address_sanitizer)
    250'000;
#else
    1'000'000;
#endif

// Test: no text without a space takes time that grows with the square of its length, whatever the tokenizer.
TEST(TokenizerGoldens, LongWords) {
  for (const char *file :
       {"gpt2/tokenizer.json", "llama3/tokenizer.json", "qwen2/tokenizer.json", "llama2/tokenizer.json",
        "metaspace/tokenizer.json", "ranks/tokenizer.model", "sp_bpe/tokenizer.model", "sp_unigram/tokenizer.model"}) {
    auto tokenizer = open(file);
    for (const char *part : {"a", "the", " ", "é", "😀", "1", "!?", "\u0301\u0316", "\n", "Ab1"}) {
      std::string text;
      while (text.size() < kLongBytes)
        text += part;
      std::clock_t begin = std::clock();
      EXPECT_FALSE(tokenizer->encode(text).empty());
      // Of these it is known how long a piece can be, and that nothing is left out.
      if (std::string_view(file).starts_with("llama") || std::string_view(file).starts_with("ranks"))
        EXPECT_TRUE(tokenizer->isLongerThan(text, 1000)) << file << " " << part;
      // Some tenths of a second; with the square of the length it would take an hour.
      EXPECT_LT(double(std::clock() - begin) / CLOCKS_PER_SEC, 20) << file << " " << part;
    }
  }
}
