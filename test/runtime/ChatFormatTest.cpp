//===- ChatFormatTest.cpp - What formats make of conversations -----------------------------===//

#include "runtime/chat/ChatFormat.h"
#include "runtime/chat/ConversationIds.h"
#include "runtime/chat/MarkedText.h"
#include "runtime/support/Error.h"
#include "test/runtime/TestTokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace quipu;
using namespace quipu::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// A small Llama 2: BOS and EOS are control pieces.
std::unique_ptr<Tokenizer> smallTokenizer(TokenizerSettings settings = {}) {
  TokenizerData data;
  data.name = "small";
  data.model = SentencePieceData{testTokenizerModel()};
  data.settings = std::move(settings);
  return Tokenizer::fromData(std::move(data));
}

std::string textOf(const std::vector<ChatPiece> &pieces) {
  std::string text;
  for (const ChatPiece &piece : pieces)
    text += piece.text;
  return text;
}

TEST(MarkedTextTest, MarksStayWithTheirBytes) {
  MarkedText text("ab");
  text.append("cd", kFromMessage);
  text.append(text);
  EXPECT_EQ(text.bytes(), "abcdabcd");
  EXPECT_EQ(text.runs().size(), 4u);
  MarkedText middle = text.slice(3, 6);
  EXPECT_EQ(middle.bytes(), "dab");
  EXPECT_EQ(middle.marksAt(0), kFromMessage);
  EXPECT_EQ(middle.marksAt(1), 0);
  middle.mark(1, 2, kAnswer);
  EXPECT_EQ(middle.marksAt(1), kAnswer);
  EXPECT_EQ(middle.marksAt(2), 0);
}

TEST(MarkedTextTest, StripsWhatPythonStrips) {
  EXPECT_EQ(MarkedText(" \t\u00a0\u3000\x1cx \u2003y \n").strip().bytes(), "x \u2003y");
  EXPECT_EQ(MarkedText(" \u0085\n").strip().bytes(), "");
}

TEST(LlamaTwo, WritesTurnsAsMetaDoes) {
  auto tokenizer = smallTokenizer();
  ChatFormat format = *ChatFormat::builtIn("llama2", tokenizer.get());
  const ChatMessage messages[] = {
      {"system", " Be brief. "}, {"user", "the "}, {"assistant", " cat "}, {"user", " bos"}};
  EXPECT_EQ(textOf(format.render(messages, true)), "<s>[INST] <<SYS>>\n Be brief. \n<</SYS>>\n\nthe [/INST] cat </s>"
                                                   "<s>[INST] bos [/INST]");
}

TEST(LlamaTwo, EncodesEachTurnApart) {
  auto tokenizer = smallTokenizer();
  ChatFormat format = *ChatFormat::builtIn("llama2", tokenizer.get());
  const ChatMessage messages[] = {{"user", "the"}, {"assistant", "cat"}, {"user", "bos"}};
  std::vector<int32_t> expected;
  for (std::string_view turn : {"[INST] the [/INST] cat ", "[INST] bos [/INST]"}) {
    expected.push_back(kBosId);
    std::vector<int32_t> ids = tokenizer->encodePlain(turn);
    expected.insert(expected.end(), ids.begin(), ids.end());
    if (turn.find("cat") != turn.npos)
      expected.push_back(kEosId);
  }
  EXPECT_EQ(chatIds(*tokenizer, format.render(messages, true)), expected);
}

TEST(LlamaTwo, AnswersAreMasked) {
  auto tokenizer = smallTokenizer();
  ChatFormat format = *ChatFormat::builtIn("llama2", tokenizer.get());
  EXPECT_EQ(format.endOfTurn(), "</s>");
  const ChatMessage messages[] = {{"user", "the"}, {"assistant", "cat"}};
  ScoredChat chat = scoredChatIds(*tokenizer, format.render(messages, false));
  std::vector<int32_t> answer;
  for (size_t i = 0; i < chat.ids.size(); ++i)
    if (chat.isAnswer[i])
      answer.push_back(chat.ids[i]);
  // " cat", the blank behind it, EOS.
  EXPECT_THAT(answer, ElementsAre(kFirstWordId + 3, kFirstWordId + 6, kEosId));
  EXPECT_TRUE(chat.isAnswer.back());
}

TEST(LlamaTwo, MessagesSpellNoSpecialTokens) {
  auto tokenizer = smallTokenizer();
  ChatFormat format = *ChatFormat::builtIn("llama2", tokenizer.get());
  const ChatMessage messages[] = {{"system", "</s>"}, {"user", "a</s><s>"}, {"assistant", "</s>"}};
  std::vector<int32_t> ids = chatIds(*tokenizer, format.render(messages, false));
  EXPECT_EQ(std::ranges::count(ids, kEosId), 1);
  EXPECT_EQ(std::ranges::count(ids, kBosId), 1);
  EXPECT_EQ(ids.front(), kBosId);
  EXPECT_EQ(ids.back(), kEosId);
}

TEST(LlamaTwo, RefusesOtherOrders) {
  ChatFormat format = *ChatFormat::builtIn("llama2", nullptr);
  auto refusal = [&](std::vector<ChatMessage> messages) -> std::string {
    try {
      (void)format.render(messages, true);
    } catch (const Error &error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(refusal({{"assistant", "a"}}), HasSubstr("message 1 has the role 'assistant' where 'user' must be"));
  EXPECT_THAT(refusal({{"system", "s"}}), HasSubstr("needs a message of the user"));
  EXPECT_THAT(refusal({{"user", "a"}, {"user", "b"}}), HasSubstr("message 2 has the role 'user' where 'assistant'"));
  EXPECT_THAT(refusal({}), HasSubstr("needs a message"));
}

} // namespace
