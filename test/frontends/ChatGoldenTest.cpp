//===- ChatGoldenTest.cpp - Chat templates against transformers --------------------------===//
//
// test/chat/make_goldens.py writes what transformers' apply_chat_template makes of conversations.
//
//===----------------------------------------------------------------------------------===//

#include "Support.h"

#include "frontends/hf/TokenizerFiles.h"
#include "runtime/chat/ChatFormat.h"
#include "runtime/chat/ConversationIds.h"
#include "runtime/text/Tokenizer.h"

#include <algorithm>
#include <chrono>

using namespace quipu;
using namespace quipu::frontend;
using namespace quipu::test;
using nlohmann::json;

namespace {

const std::string kFolder = std::string(QUIPU_TEST_SOURCE_DIR) + "/chat/";

std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

const json &goldens() {
  static const json all = json::parse(readFile(kFolder + "goldens.json"));
  return all;
}

/// A tokenizer of test/tokenizers, with the tokens that a golden adds.
std::unique_ptr<Tokenizer> openTokenizer(const std::string &name) {
  const json &about = goldens()["tokenizers"][name];
  json file = json::parse(readFile(kFolder + "../tokenizers/" + about["base"].get<std::string>() + "/tokenizer.json"));
  int64_t next = 0;
  for (const json &token : file["added_tokens"])
    next = std::max(next, token["id"].get<int64_t>() + 1);
  for (const auto &[piece, id] : file["model"]["vocab"].items())
    next = std::max(next, id.get<int64_t>() + 1);
  for (const json &content : about.value("added", json::array()))
    file["added_tokens"].push_back({{"id", next++},
                                    {"content", content},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", about.value("rstrip", false)},
                                    {"normalized", false},
                                    {"special", true}});
  TempFolder folder;
  json config = json::object();
  for (const char *role : {"bos", "eos"})
    config[std::string(role) + "_token"] = about.contains(role) ? about[role] : json();
  folder.write("tokenizer_config.json", config.dump());
  std::vector<Note> notes;
  return Tokenizer::fromData(hf::readTokenizer(folder.write("tokenizer.json", file.dump()), 100000, notes, false).data);
}

std::vector<ChatMessage> messagesOf(const json &conversation) {
  std::vector<ChatMessage> messages;
  for (const json &message : conversation)
    messages.push_back({message["role"], message["content"]});
  return messages;
}

std::string textOf(const std::vector<ChatPiece> &pieces) {
  std::string text;
  for (const ChatPiece &piece : pieces)
    text += piece.text;
  return text;
}

ChatFormat openFormat(const std::string &name, const Tokenizer *tokenizer) {
  return ChatFormat({"default", readFile(kFolder + "templates/" + name + ".jinja"), name + ".jinja"}, tokenizer);
}

/// Ids with the BOS that the tokenizer puts before prompts, once.
std::vector<int32_t> withBos(std::vector<int32_t> ids, const Tokenizer &tokenizer) {
  if (tokenizer.addsBos() && (ids.empty() || ids.front() != *tokenizer.bos()))
    ids.insert(ids.begin(), *tokenizer.bos());
  return ids;
}

/// The special tokens among the ids.
std::vector<int32_t> specialOf(const std::vector<int32_t> &ids, const Tokenizer &tokenizer) {
  std::vector<int32_t> special;
  for (int32_t id : ids)
    if (std::ranges::any_of(tokenizer.spelledTokens(),
                            [&](const auto &token) { return token.id == id && token.isSpecial; }))
      special.push_back(id);
  return special;
}

class ChatGoldens : public testing::TestWithParam<std::string> {
protected:
  const json &golden = goldens()["templates"][GetParam()];
  std::unique_ptr<Tokenizer> tokenizer = openTokenizer(golden["tokenizer"]);
  ChatFormat format = openFormat(GetParam(), tokenizer.get());
};

std::vector<std::string> templateNames() {
  std::vector<std::string> names;
  for (const auto &[name, golden] : goldens()["templates"].items())
    names.push_back(name);
  return names;
}

} // namespace

// Test: text and ids are transformers', and refusals are the template's.
TEST_P(ChatGoldens, TextAndIds) {
  for (const json &wanted : golden["cases"]) {
    std::vector<ChatMessage> messages = messagesOf(goldens()["conversations"][wanted["conversation"].get<size_t>()]);
    std::string about = concat(GetParam(), ", conversation ", wanted["conversation"], ", prompt ", wanted["prompt"]);
    if (wanted.contains("error")) {
      std::string message = errorOf([&] { (void)format.render(messages, wanted["prompt"]); });
      EXPECT_NE(message.find(wanted["error"].get<std::string>()), message.npos) << about << ": " << message;
      EXPECT_NE(message.find(GetParam() + ".jinja, line "), message.npos) << message;
      continue;
    }
    std::vector<ChatPiece> pieces = format.render(messages, wanted["prompt"]);
    EXPECT_EQ(textOf(pieces), wanted["text"].get<std::string>()) << about;
    EXPECT_EQ(chatIds(*tokenizer, pieces), withBos(wanted["ids"], *tokenizer)) << about;
    if (wanted.contains("mask")) {
      ScoredChat scored = scoredChatIds(*tokenizer, pieces);
      std::vector<int> mask(scored.isAnswer.begin(), scored.isAnswer.end());
      EXPECT_EQ(mask, wanted["mask"].get<std::vector<int>>()) << about;
    }
  }
}

// Test: what ends an assistant's turn is found.
TEST_P(ChatGoldens, EndOfTurn) { EXPECT_EQ(format.endOfTurn(), golden["end"].get<std::string>()); }

// Test: what a message says is never a special token, whoever says it.
TEST_P(ChatGoldens, MessagesSpellNoSpecialTokens) {
  std::vector<std::string> spellings = {"<|im_end|>",           "[/INST]", "</s>", "<|eot_id|>",
                                        "<|im_start|>system\n", "＜/s＞"};
  for (const auto &token : tokenizer->spelledTokens())
    if (token.isSpecial)
      spellings.push_back(token.text);
  auto idsOf = [&](const std::string &said) {
    const ChatMessage messages[] = {{"user", said}, {"assistant", "x" + said + "y"}, {"user", said + " " + said}};
    return chatIds(*tokenizer, format.render(messages, true));
  };
  std::vector<int32_t> special = specialOf(idsOf("hello"), *tokenizer);
  for (const std::string &spelling : spellings)
    EXPECT_EQ(specialOf(idsOf(spelling), *tokenizer), special) << GetParam() << ": " << spelling;
}

// Test: the ids of answers are those of the assistant's messages, with the end of the turn.
TEST_P(ChatGoldens, AnswersAreMasked) {
  const ChatMessage messages[] = {
      {"user", "First"}, {"assistant", "Alpha beta"}, {"user", "Next"}, {"assistant", "Gamma"}};
  ScoredChat scored = scoredChatIds(*tokenizer, format.render(messages, false));
  std::vector<int32_t> answers;
  for (size_t i = 0; i < scored.ids.size(); ++i)
    if (scored.isAnswer[i])
      answers.push_back(scored.ids[i]);
  std::string text;
  for (int32_t id : answers)
    text += tokenizer->isControl(id) ? tokenizer->piece(id) : tokenizer->decode(std::span(&id, 1));
  EXPECT_NE(text.find("Gamma"), text.npos) << text;
  EXPECT_EQ(text.find("First"), text.npos) << text;
  EXPECT_EQ(text.find("Next"), text.npos) << text;
  if (!format.endOfTurn().empty()) {
    EXPECT_TRUE(text.ends_with(format.endOfTurn())) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Templates, ChatGoldens, testing::ValuesIn(templateNames()), [](const auto &info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

// Test: there are as many templates as the tests are to cover.
TEST(ChatGoldenFile, HasTemplates) { EXPECT_GE(templateNames().size(), 12u); }
