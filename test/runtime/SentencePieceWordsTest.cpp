//===- SentencePieceWordsTest.cpp ---------------------------------------------------------===//

#include "runtime/text/SentencePieceWords.h"
#include "runtime/abi/SentencePieceModel.h"
#include "test/runtime/TestTokenizer.h"
#include "test/runtime/ToyPlan.h"

#include <builtin_pb/sentencepiece_model.pb.h>
#include <sentencepiece_processor.h>

#include <cmath>
#include <ctime>
#include <random>

using namespace quipu;
using namespace quipu::test;

namespace {

using Ids = std::vector<int32_t>;
using Model = sentencepiece::ModelProto;

std::unique_ptr<Model> readModel(const std::string &path) {
  std::vector<uint8_t> bytes = readFile(std::string(QUIPU_TEST_SOURCE_DIR) + "/" + path);
  std::unique_ptr<Model> model = readSentencePieceModel(bytes, path);
  // Texts are as a normaliser would leave them.
  sentencepiece::NormalizerSpec &normalizer = *model->mutable_normalizer_spec();
  normalizer.clear_precompiled_charsmap();
  normalizer.set_name("identity");
  normalizer.set_remove_extra_whitespaces(false);
  model->clear_self_test_data();
  return model;
}

/// Random texts: pieces of the model, characters that it may not have, and stretches of one character.
class RandomTexts {
public:
  explicit RandomTexts(const Model &model) : model(model) {}

  std::string draw(size_t size) {
    std::string text;
    while (text.size() < size)
      text += part();
    return text;
  }

private:
  std::string part() {
    static const std::string kOthers[] = {"\u2581", "q", "Z", "7", "é", "\U0001f999", "한", "\n", "~", "ab", "ba"};
    const std::string &other = kOthers[random() % std::size(kOthers)];
    const auto &piece = model.pieces(int(random() % uint32_t(model.pieces_size())));
    if (random() % 10 == 0)
      return repeated(other, 1 + random() % 70);
    return random() % 3 == 0 || piece.type() != Model::SentencePiece::NORMAL ? other : piece.piece();
  }
  static std::string repeated(const std::string &text, size_t times) {
    std::string all;
    while (times-- > 0)
      all += text;
    return all;
  }

  const Model &model;
  std::mt19937 random{11};
};

void expectIdsOfTheLibrary(const Model &model, const std::string &name) {
  ASSERT_TRUE(SentencePieceWords::isPossible(model)) << name;
  SentencePieceWords words(model, name);
  auto library = loadSentencePiece(model, /*addSpace=*/false, name);
  RandomTexts texts(model);
  for (int round = 0; round < 400; ++round) {
    std::string text = texts.draw(round < 396 ? size_t(round * 2) : 300'000);
    Ids found;
    words.append(text, found);
    std::vector<int> expected;
    ASSERT_TRUE(library->Encode(text, &expected).ok());
    ASSERT_EQ(found, Ids(expected.begin(), expected.end())) << name << ": " << text.substr(0, 300);
  }
}

} // namespace

// Test: random texts have the ids that the library gives, also where many pieces have the same score, where characters
// are unknown, and where the library itself is used, as for user-defined pieces.
TEST(SentencePieceWords, IdsOfTheLibrary) {
  for (const char *path : {"../models/quipu-stories/tokenizer.model", "tokenizers/sp_bpe/tokenizer.model"}) {
    std::unique_ptr<Model> model = readModel(path);
    std::string reason;
    EXPECT_TRUE(mergesOf(*model, reason)) << reason;
    expectIdsOfTheLibrary(*model, path);
    std::unique_ptr<Model> ties = readModel(path);
    for (auto &piece : *ties->mutable_pieces())
      piece.set_score(std::round(piece.score() / 100));
    expectIdsOfTheLibrary(*ties, std::string(path) + ", ties");
    std::unique_ptr<Model> defined = readModel(path);
    auto &piece = *defined->add_pieces();
    piece.set_piece("abba");
    piece.set_type(Model::SentencePiece::USER_DEFINED);
    expectIdsOfTheLibrary(*defined, std::string(path) + ", user-defined");
  }
}

// Test: what pairs of pieces cannot say.
TEST(PieceMerges, Reasons) {
  auto reasonOf = [](const std::string &piece, Model::SentencePiece::Type type) {
    std::unique_ptr<Model> model = readModel("tokenizers/sp_bpe/tokenizer.model");
    model->add_pieces()->set_piece(piece);
    model->mutable_pieces()->rbegin()->set_type(type);
    std::string reason;
    EXPECT_FALSE(mergesOf(*model, reason)) << piece;
    return reason;
  };
  EXPECT_EQ(reasonOf("\U0001f999\U0001f999", Model::SentencePiece::NORMAL),
            "the piece \"\U0001f999\U0001f999\" (700) has a character that is no piece");
  EXPECT_EQ(reasonOf("ee", Model::SentencePiece::UNUSED),
            "the piece \"ee\" (700), which others join to, is marked as unused");
  EXPECT_EQ(reasonOf("\U0001f999", Model::SentencePiece::CONTROL), "token 700 is spelled as one character");
  EXPECT_EQ(reasonOf(std::string(1025, 'x'), Model::SentencePiece::NORMAL), "piece 700 has more than 1024 bytes");
  std::string reason;
  EXPECT_FALSE(mergesOf(*readModel("tokenizers/sp_unigram/tokenizer.model"), reason));
  EXPECT_EQ(reason, "it is no model of BPE");
}

// Test: a word of a million characters takes some tenths of a second, whatever it repeats; a square would take hours.
TEST(SentencePieceWords, MillionCharacters) {
  std::unique_ptr<Model> model = readModel("../models/quipu-stories/tokenizer.model");
  SentencePieceWords words(*model, "model");
  for (const std::string &part :
       {std::string("a"), std::string("the"), std::string("\u2581"), std::string("ingerate")}) {
    std::string word;
    while (word.size() < 1'000'000)
      word += part;
    Ids ids;
    std::clock_t begin = std::clock();
    words.append(word, ids);
    EXPECT_LT(double(std::clock() - begin) / CLOCKS_PER_SEC, 20) << part;
    EXPECT_GT(ids.size(), 1000u);
  }
}
