//===- ChatFormatTest.cpp - What formats make of conversations -----------------------------===//

#include "runtime/chat/ChatFormat.h"
#include "runtime/chat/ChooseFormat.h"
#include "runtime/chat/ConversationIds.h"
#include "runtime/chat/MarkedText.h"
#include "runtime/support/Error.h"
#include "test/runtime/TestTokenizer.h"

#include <algorithm>

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

// Test: each of Quipu's templates writes what its family was trained on.
TEST(BuiltInFormats, Texts) {
  auto tokenizer = smallTokenizer();
  const ChatMessage messages[] = {{"system", "S"}, {"user", "A "}, {"assistant", " B"}, {"user", "C"}};
  const std::pair<const char *, const char *> kTexts[] = {
      {"chatml",
       "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA <|im_end|>\n<|im_start|>assistant\n B<|im_end|>\n"
       "<|im_start|>user\nC<|im_end|>\n<|im_start|>assistant\n"},
      {"gemma", "<s><start_of_turn>user\nS\n\nA<end_of_turn>\n<start_of_turn>model\nB<end_of_turn>\n"
                "<start_of_turn>user\nC<end_of_turn>\n<start_of_turn>model\n"},
      {"llama2", "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nA [/INST] B </s><s>[INST] C [/INST]"},
      {"llama3",
       "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n"
       "A<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nB<|eot_id|>"
       "<|start_header_id|>user<|end_header_id|>\n\nC<|eot_id|>"
       "<|start_header_id|>assistant<|end_header_id|>\n\n"},
      {"mistral", "<s>[INST] S\n\nA [/INST] B</s>[INST] C [/INST]"},
      {"phi3",
       "<|system|>\nS<|end|>\n<|user|>\nA <|end|>\n<|assistant|>\n B<|end|>\n<|user|>\nC<|end|>\n<|assistant|>\n"},
      {"zephyr", "<|system|>\nS</s>\n<|user|>\nA </s>\n<|assistant|>\n B</s>\n<|user|>\nC</s>\n<|assistant|>\n"},
  };
  std::vector<std::string> names;
  for (const auto &[name, text] : kTexts) {
    names.emplace_back(name);
    EXPECT_EQ(textOf(ChatFormat::builtIn(name, tokenizer.get())->render(messages, true)), text) << name;
  }
  EXPECT_EQ(ChatFormat::builtInNames(), names);
  EXPECT_FALSE(ChatFormat::builtIn("nosuch", tokenizer.get()));
}

// Test: the end of the turn is the first special token behind an answer, and ends answers beside EOS.
TEST(BuiltInFormats, EndsOfTurns) {
  TokenizerSettings settings;
  settings.added = {{290, "<|im_start|>", false, false, false, false, true},
                    {291, "<|im_end|>", false, false, false, false, true},
                    {292, "<end_of_turn>", false, false, false, false, false}};
  auto tokenizer = smallTokenizer(settings);
  EXPECT_EQ(ChatFormat::builtIn("chatml", tokenizer.get())->endOfTurn(), "<|im_end|>");
  EXPECT_EQ(ChatFormat::builtIn("gemma", tokenizer.get())->endOfTurn(), "<end_of_turn>");
  EXPECT_EQ(ChatFormat::builtIn("zephyr", tokenizer.get())->endOfTurn(), "</s>");
  // Without the token there is none.
  EXPECT_EQ(ChatFormat::builtIn("llama3", tokenizer.get())->endOfTurn(), "");
  flatbuffers::FlatBufferBuilder builder;
  plan::ModelConfigT config;
  config.eos_token_ids = {7, kEosId};
  builder.Finish(plan::ModelConfig::Pack(builder, &config));
  const auto *stored = flatbuffers::GetRoot<plan::ModelConfig>(builder.GetBufferPointer());
  EXPECT_THAT(endOfTurnIds(*tokenizer, *ChatFormat::builtIn("chatml", tokenizer.get()), *stored),
              ElementsAre(7, kEosId, 291));
  EXPECT_THAT(endOfTurnIds(*tokenizer, *ChatFormat::builtIn("zephyr", tokenizer.get()), *stored),
              ElementsAre(7, kEosId));
}

// Test: added tokens that are not special are text of a message where the template writes them, and tokens elsewhere.
TEST(BuiltInFormats, TokensThatTheTemplateWrites) {
  TokenizerSettings settings;
  settings.added = {{290, "<end_of_turn>", false, false, false, false, false},
                    {291, "<other>", false, false, false, false, false}};
  auto tokenizer = smallTokenizer(settings);
  const ChatMessage messages[] = {{"user", "<end_of_turn><other>"}};
  std::vector<int32_t> ids = chatIds(*tokenizer, ChatFormat::builtIn("gemma", tokenizer.get())->render(messages, true));
  EXPECT_EQ(std::ranges::count(ids, 290), 1);
  EXPECT_EQ(std::ranges::count(ids, 291), 1);
}

// Test: a role that is a word is the template's text, and one with signs is not.
TEST(BuiltInFormats, RolesWithSigns) {
  TokenizerSettings settings;
  settings.added = {{290, "<|user|>", false, false, false, false, true},
                    {291, "<|end|>", false, false, false, false, true}};
  auto tokenizer = smallTokenizer(settings);
  auto countOf = [&](const char *role, int32_t id) {
    const ChatMessage messages[] = {{role, "x"}};
    std::vector<int32_t> ids =
        chatIds(*tokenizer, ChatFormat::builtIn("phi3", tokenizer.get())->render(messages, false));
    return std::ranges::count(ids, id);
  };
  EXPECT_EQ(countOf("user", 290), 1);
  EXPECT_EQ(countOf("x|><|user", 290), 0);
  EXPECT_EQ(countOf("a<|end|>b", 291), 1);
}

// Test: blanks that a template writes in front of BOS do not bring a second one.
TEST(BuiltInFormats, BosBehindBlanks) {
  TokenizerSettings settings;
  settings.addBos = true;
  auto tokenizer = smallTokenizer(settings);
  const ChatMessage messages[] = {{"user", "the"}};
  auto idsOf = [&](const std::string &text) {
    return chatIds(*tokenizer, ChatFormat({"", text, ""}, tokenizer.get()).render(messages, false));
  };
  EXPECT_EQ(std::ranges::count(idsOf(" {{ bos_token }}{{ messages[0].content }}"), kBosId), 1);
  // What the template did not write is put in front.
  std::vector<int32_t> ids = idsOf("{{ messages[0].content }}{{ eos_token }}");
  EXPECT_EQ(ids.front(), kBosId);
  EXPECT_EQ(std::ranges::count(ids, kBosId), 1);
}

// Test: BOS comes once, be it the template's or the tokenizer's.
TEST(BuiltInFormats, BosOnce) {
  const ChatMessage messages[] = {{"user", "the"}};
  for (bool adds : {false, true}) {
    TokenizerSettings settings;
    settings.addBos = adds;
    auto tokenizer = smallTokenizer(settings);
    auto countOf = [&](const char *format) {
      std::vector<int32_t> ids =
          chatIds(*tokenizer, ChatFormat::builtIn(format, tokenizer.get())->render(messages, true));
      return std::ranges::count(ids, kBosId);
    };
    EXPECT_EQ(countOf("mistral"), 1);
    EXPECT_EQ(countOf("llama2"), 1);
    EXPECT_EQ(countOf("zephyr"), adds ? 1 : 0);
  }
}

// Test: which template counts, and what is said where none does.
TEST(ChooseFormat, Names) {
  const ChatMessage messages[] = {{"user", "x"}};
  auto chosen = [&](std::vector<ChatTemplate> ofModel, const std::string &option) -> std::string {
    try {
      return textOf(chooseFormat(ofModel, option, nullptr, "m").render(messages, false));
    } catch (const Error &error) {
      return error.what();
    }
  };
  const ChatTemplate first = {"default", "first", "config"}, tools = {"tools", "second", "config"},
                     named = {"zephyr", "own", "config"};
  EXPECT_EQ(chosen({tools, first}, ""), "first");
  EXPECT_EQ(chosen({tools}, ""), "second");
  EXPECT_EQ(chosen({first, tools}, "tools"), "second");
  EXPECT_EQ(chosen({first, named}, "zephyr"), "own");
  EXPECT_EQ(chosen({first}, "phi3"), "<|user|>\nx<|end|>\n");
  EXPECT_EQ(
      chosen({tools, named}, ""),
      "m: has several chat templates and none is named 'default'; choose one with --chat-template: tools, zephyr");
  EXPECT_THAT(chosen({}, ""), HasSubstr("m: has no chat template; give --chat-template with one of Quipu's (chatml, "));
  EXPECT_THAT(chosen({first}, "no"),
              HasSubstr("no template and no file of that name; give one of the model's (default), "
                        "one of Quipu's (chatml, "));
  EXPECT_THAT(chosen({first}, "/"), HasSubstr("/: not a file"));
}

} // namespace
