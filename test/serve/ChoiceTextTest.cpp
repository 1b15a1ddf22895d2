//===- ChoiceTextTest.cpp ----------------------------------------------------------------===//

#include "tools/quipu/serve/openai/ChoiceText.h"
#include "test/runtime/TestTokenizer.h"
#include "tools/quipu/serve/openai/LogProbs.h"

#include <gtest/gtest.h>

using namespace quipu;
using namespace quipu::serve;
using namespace quipu::test;

static const Tokenizer &tokenizer() {
  static std::unique_ptr<Tokenizer> made = [] {
    TokenizerData data;
    std::vector<uint8_t> model = testTokenizerModel();
    std::string path = ::testing::TempDir() + "/choice-tokenizer.model";
    FILE *file = fopen(path.c_str(), "wb");
    fwrite(model.data(), 1, model.size(), file);
    fclose(file);
    return tokenizerOf(path);
  }();
  return *made;
}

/// Gives the tokens one by one, and checks that each piece is whole characters with tokens whose text is out.
static ChoicePiece joined(ChoiceText &choice, std::span<const int32_t> ids) {
  ChoicePiece all;
  for (size_t i = 0; i < ids.size() && !choice.isStopped(); ++i) {
    ChoicePiece piece = choice.push({ids[i], -float(i), {}});
    EXPECT_FALSE(firstInvalidByte(piece.text));
    all.append(std::move(piece));
  }
  all.append(choice.finish());
  return all;
}

// Test: without stops the text is what the tokenizer gives, and each token is there with its number, in order.
TEST(ChoiceTextTest, Plain) {
  std::vector<int32_t> ids = tokenizer().encodePlain("the café \xf0\x9f\x98\x80 cat");
  ChoiceText choice(tokenizer(), /*beginsText=*/true, {}, /*keepsTokens=*/true);
  ChoicePiece all = joined(choice, ids);
  EXPECT_EQ(all.text, "the café \xf0\x9f\x98\x80 cat");
  ASSERT_EQ(all.tokens.size(), ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(all.tokens[i].token, ids[i]);
    EXPECT_EQ(all.tokens[i].logProb, -float(i));
  }
  // Offsets count characters: "cat" is behind 11 of them, and has its blank.
  EXPECT_EQ(all.tokens.back().offset, 10u);
}

// Test: a stop text ends the choice before it, wherever tokens end in it, and tokens of it are left out.
TEST(ChoiceTextTest, Stops) {
  std::vector<int32_t> ids = tokenizer().encodePlain("the cat the café cat");
  for (const char *stop : {"caf", "é", " café c", "at t", "the cat", "fé cat", "t"}) {
    std::string text = "the cat the café cat";
    ChoiceText choice(tokenizer(), true, {"never", stop}, true);
    ChoicePiece all = joined(choice, ids);
    EXPECT_TRUE(choice.isStopped());
    EXPECT_EQ(all.text, text.substr(0, text.find(stop))) << stop;
    std::string shown;
    for (const ShownToken &token : all.tokens)
      shown += tokenBytes(tokenizer(), token.token);
    // All that is out has its tokens; the last one may go on into the stop.
    EXPECT_GE(shown.size() + 1, all.text.size()) << stop;
    EXPECT_TRUE(all.tokens.empty() || all.tokens.back().offset < all.text.size() || all.text.empty()) << stop;
  }
}

// Test: what may begin a stop text is kept until it is known, and comes at the end if it was none.
TEST(ChoiceTextTest, KeptBack) {
  std::vector<int32_t> ids = tokenizer().encodePlain("the cat");
  ChoiceText choice(tokenizer(), true, {"cats"}, true);
  ChoicePiece first;
  for (int32_t id : ids)
    first.append(choice.push({id, 0, {}}));
  EXPECT_EQ(first.text, "the ");
  EXPECT_LT(first.tokens.size(), ids.size());
  ChoicePiece last = choice.finish();
  EXPECT_EQ(last.text, "cat");
  EXPECT_EQ(first.tokens.size() + last.tokens.size(), ids.size());
}

// Test: a prompt that is echoed comes first; its first token has no number, and stops do not concern it.
TEST(ChoiceTextTest, Echo) {
  std::vector<int32_t> prompt = tokenizer().encodePlain("the cat"), ids = tokenizer().encodePlain("the cat cat");
  ChoiceText choice(tokenizer(), true, {"cat"}, true);
  ChoicePiece all;
  for (size_t i = 0; i < prompt.size(); ++i)
    all.append(choice.pushPrompt({prompt[i], -1, {}}, i == 0));
  EXPECT_EQ(all.text, "the cat");
  EXPECT_FALSE(all.tokens.front().logProb);
  EXPECT_EQ(all.tokens.back().logProb, -1.0f);
  all.append(joined(choice, std::span(ids).subspan(prompt.size())));
  EXPECT_EQ(all.text, "the cat ");
}

// Test: a character that never ends becomes U+FFFD at the end, and its token is there.
TEST(ChoiceTextTest, UnfinishedCharacter) {
  ChoiceText choice(tokenizer(), true, {}, true);
  std::vector<int32_t> ids = {kFirstByteId + 0xe6, kFirstByteId + 0xbc};
  ChoicePiece all = joined(choice, ids);
  EXPECT_TRUE(all.text == "\xef\xbf\xbd" || all.text == "\xef\xbf\xbd\xef\xbf\xbd") << all.text;
  EXPECT_EQ(all.tokens.size(), 2u);
  EXPECT_EQ(tokenText(tokenizer(), ids[0]), "bytes:\\xe6");
  EXPECT_EQ(tokenText(tokenizer(), kEosId), "</s>");
  EXPECT_EQ(tokenBytes(tokenizer(), kEosId), "");
}

// Test: the chosen token's number is the dictionary's own, bit for bit; numbers come back as they were; two tokens of
// one text have the number of the likelier one.
TEST(LogProbsTest, Forms) {
  float likely = -0.1234567f, other = -7.654321f;
  int32_t t = tokenizer().find("t").value(), byteT = kFirstByteId + 't';
  ShownToken shown{byteT, other, {{t, likely}, {byteT, other}}, 3};
  auto json = nlohmann::json::parse(completionLogProbs(tokenizer(), {{shown}}).dump());
  EXPECT_EQ(json["tokens"][0], "t");
  EXPECT_EQ(float(json["token_logprobs"][0].get<double>()), other);
  EXPECT_EQ(json["top_logprobs"][0].size(), 1u);
  EXPECT_EQ(json["top_logprobs"][0]["t"].get<double>(), double(likely));
  EXPECT_EQ(json["text_offset"][0], 3);
  ShownToken chosen{t, likely, {{t, likely}, {kEosId, -INFINITY}}, 0};
  json = nlohmann::json::parse(completionLogProbs(tokenizer(), {{chosen}}).dump());
  EXPECT_EQ(json["top_logprobs"][0]["t"], json["token_logprobs"][0]);
  EXPECT_EQ(json["top_logprobs"][0]["</s>"], -9999.0);
  ShownToken first{t, std::nullopt, {}, 0};
  json = nlohmann::json::parse(completionLogProbs(tokenizer(), {{first}}).dump());
  EXPECT_TRUE(json["token_logprobs"][0].is_null() && json["top_logprobs"][0].is_null());
  json = nlohmann::json::parse(chatLogProbs(tokenizer(), {{chosen}}).dump());
  EXPECT_EQ(json["content"][0]["top_logprobs"].size(), 2u);
  EXPECT_EQ(json["content"][0]["bytes"][0], int('t'));
}
