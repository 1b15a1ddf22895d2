//===- ChatSessionTest.cpp ---------------------------------------------------------------===//

#include "runtime/chat/ChatSession.h"
#include "test/runtime/FakeCudaTest.h"
#include "test/runtime/TestTokenizer.h"
#include "test/runtime/ToyPlan.h"

using namespace quipu;
using namespace quipu::test;

namespace {

using Ids = std::vector<int32_t>;

bool goOn(std::string_view) { return true; }

class ChatSessionTest : public testing::Test {
protected:
  ChatSessionTest()
      : tokenizer(Tokenizer::fromData({"t", SentencePieceData{testTokenizerModel()}, TokenizerSettings()})),
        model(Model::load(writeToyPlan(folder, toyPlan(folder)))), session(model), chat(session, *tokenizer) {
    options.sampling.temperature = 0;
    options.maxTokens = 4;
    options.ignoreEos = true;
  }

  /// What a session without a cache answers.
  Ids fromTheStart(const Ids &prompt) {
    Session fresh(model);
    return ChatSession(fresh, *tokenizer).answer(prompt, options, goOn).tokens;
  }

  Ids held() const { return {chat.held().begin(), chat.held().end()}; }

  TempFolder folder;
  std::unique_ptr<Tokenizer> tokenizer;
  std::shared_ptr<const Model> model;
  Session session;
  ChatSession chat;
  GenerateOptions options;
};

Ids joined(Ids first, const Ids &second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

} // namespace

// Test: ids up to the first that differs; the last id of a prompt is computed in any case.
TEST(ReusableIds, CommonPrefix) {
  EXPECT_EQ(reusableIds(Ids{}, Ids{1, 2}), 0u);
  EXPECT_EQ(reusableIds(Ids{1, 2, 3}, Ids{1, 2, 4, 5}), 2u);
  EXPECT_EQ(reusableIds(Ids{1, 2}, Ids{1, 2, 3}), 2u);
  EXPECT_EQ(reusableIds(Ids{1, 2}, Ids{1, 2}), 1u);
  EXPECT_EQ(reusableIds(Ids{1, 2, 3, 4}, Ids{1, 2}), 1u);
  EXPECT_EQ(reusableIds(Ids{1, 2}, Ids{2, 1}), 0u);
  EXPECT_EQ(reusableIds(Ids{1, 2}, Ids{}), 0u);
}

// Test: a second turn computes only what is new: the last token of the answer, and the turn. It gives what an empty
// sequence would give.
TEST_F(ChatSessionTest, SecondTurnReusesTheFirst) {
  Ids prompt = {3, 9, 4};
  ChatAnswer first = chat.answer(prompt, options, goOn);
  ASSERT_EQ(first.tokens.size(), 4u);
  EXPECT_EQ(first.tokens, fromTheStart(prompt));
  EXPECT_EQ(first.promptTokens, 3u);
  EXPECT_EQ(first.reusedTokens, 0u);
  EXPECT_EQ(first.summary.promptTokens, 3u);
  Ids whole = joined(prompt, first.tokens);
  EXPECT_EQ(held(), Ids(whole.begin(), whole.end() - 1));
  Ids second = joined(whole, {7, 8});
  ChatAnswer answer = chat.answer(second, options, goOn);
  EXPECT_EQ(answer.reusedTokens, 6u);
  EXPECT_EQ(answer.promptTokens, 9u);
  EXPECT_EQ(answer.summary.promptTokens, 3u);
  EXPECT_EQ(answer.tokens, fromTheStart(second));
}

// Test: an answer that the template writes otherwise is computed again from the first other id on.
TEST_F(ChatSessionTest, ChangedTextIsComputedAgain) {
  ChatAnswer first = chat.answer(Ids{3, 9, 4}, options, goOn);
  Ids second = {3, 9, 4, first.tokens[0], first.tokens[1] == 5 ? 6 : 5, 11, 12};
  ChatAnswer answer = chat.answer(second, options, goOn);
  EXPECT_EQ(answer.reusedTokens, 4u);
  EXPECT_EQ(answer.tokens, fromTheStart(second));
  // The same prompt again, and a shorter one.
  ChatAnswer again = chat.answer(second, options, goOn);
  EXPECT_EQ(again.reusedTokens, 6u);
  EXPECT_EQ(again.tokens, answer.tokens);
  ChatAnswer shorter = chat.answer(Ids{3, 9}, options, goOn);
  EXPECT_EQ(shorter.reusedTokens, 1u);
  EXPECT_EQ(shorter.tokens, fromTheStart({3, 9}));
}

// Test: at an id that ends a turn the answer ends, without this id; the next turn begins with it.
TEST_F(ChatSessionTest, EndsAtTheEndOfTurn) {
  Ids tokens = fromTheStart({3, 9, 4});
  size_t end = 1;
  while (std::find(tokens.begin(), tokens.begin() + ptrdiff_t(end), tokens[end]) != tokens.begin() + ptrdiff_t(end))
    ASSERT_LT(++end, tokens.size());
  options.ends = {-1, tokens[end]};
  options.ignoreEos = false;
  ChatAnswer answer = chat.answer(Ids{3, 9, 4}, options, goOn);
  EXPECT_EQ(answer.summary.reason, StopReason::Eos);
  EXPECT_EQ(answer.tokens, Ids(tokens.begin(), tokens.begin() + ptrdiff_t(end)));
  EXPECT_EQ(held(), joined({3, 9, 4}, answer.tokens));
  Ids second = joined(joined({3, 9, 4}, answer.tokens), {tokens[end], 7});
  EXPECT_EQ(chat.answer(second, options, goOn).reusedTokens, 3 + end);
}

// Test: a sink stops the answer after any token, and between the launches of a prompt. Afterwards all goes on.
TEST_F(ChatSessionTest, SinkStops) {
  int calls = 0;
  ChatAnswer answer = chat.answer(Ids{3, 9, 4}, options, [&](std::string_view) { return ++calls < 2; });
  EXPECT_EQ(answer.summary.reason, StopReason::Callback);
  EXPECT_EQ(answer.tokens.size(), 2u);
  Ids longPrompt(20, 6);
  answer = chat.answer(longPrompt, options, [](std::string_view) { return false; });
  EXPECT_EQ(answer.summary.reason, StopReason::Callback);
  EXPECT_TRUE(answer.tokens.empty());
  EXPECT_EQ(answer.summary.promptTokens, size_t(kToyMaxRows));
  EXPECT_EQ(held(), Ids(kToyMaxRows, 6));
  answer = chat.answer(longPrompt, options, goOn);
  EXPECT_EQ(answer.reusedTokens, size_t(kToyMaxRows));
  EXPECT_EQ(answer.tokens, fromTheStart(longPrompt));
}

// Test: the context ends an answer; a prompt that is too long is an error, and the next one is answered.
TEST_F(ChatSessionTest, ContextFull) {
  options.maxTokens = 0;
  EXPECT_EQ(chat.capacity(), uint32_t(kToyMaxSeq));
  ChatAnswer answer = chat.answer(Ids(kToyMaxSeq, 5), options, goOn);
  EXPECT_EQ(answer.summary.reason, StopReason::ContextFull);
  EXPECT_EQ(answer.tokens.size(), 1u);
  std::string error = errorOf([&] { chat.answer(Ids(kToyMaxSeq + 1, 5), options, goOn); });
  EXPECT_NE(error.find("--max-seq"), std::string::npos) << error;
  EXPECT_EQ(held(), Ids(kToyMaxSeq, 5));
  options.maxTokens = 4;
  EXPECT_EQ(chat.answer(Ids{5, 4}, options, goOn).tokens, fromTheStart({5, 4}));
}

// Test: what is seen of the conversation does not depend on how much of it was reused.
TEST_F(ChatSessionTest, RepeatPenaltySeesReusedTokens) {
  options.sampling.repeatPenalty = 1000;
  Ids prompt = {3, 9, 4};
  ChatAnswer first = chat.answer(prompt, options, goOn);
  Ids second = joined(joined(prompt, first.tokens), {7});
  ChatAnswer answer = chat.answer(second, options, goOn);
  EXPECT_EQ(answer.reusedTokens, 6u);
  EXPECT_EQ(answer.tokens, fromTheStart(second));
  for (int32_t token : answer.tokens)
    EXPECT_EQ(std::find(second.begin(), second.end(), token), second.end()) << token;
}

// Test: the sequence is the session's, and is given back.
TEST_F(ChatSessionTest, SequencesAreGivenBack) {
  for (int i = 0; i < 2 * kToyMaxBatch; ++i)
    EXPECT_EQ(ChatSession(session, *tokenizer).answer(Ids{1}, options, goOn).tokens.size(), 4u);
}

namespace {
class CudaChatTest : public FakeCudaTest {};
} // namespace

// Test: on a GPU, which runs ahead of what the host has seen, a turn behind an answer that ended early computes what is
// new, and all turns are those of the CPU.
TEST_F(CudaChatTest, SameAsOnTheHost) {
  auto tokenizer = Tokenizer::fromData({"t", SentencePieceData{testTokenizerModel()}, TokenizerSettings()});
  ModelOptions onHost;
  onHost.device = "cpu";
  Session host(Model::load(writeToyPlan(folder, toyPlan(folder), "cpu.plan"), onHost)), device(load());
  ChatSession expected(host, *tokenizer), chat(device, *tokenizer);
  GenerateOptions options;
  options.maxTokens = 8;
  options.sampling.temperature = 0;
  options.ignoreEos = true;
  Ids prompt = {3, 9, 4, 17, 8};
  for (size_t turn = 0; turn < 3; ++turn) {
    size_t calls = 0;
    auto stopAtThree = [&](std::string_view) { return ++calls < 3; };
    ChatAnswer answer = chat.answer(prompt, options, stopAtThree);
    calls = 0;
    EXPECT_EQ(answer.tokens, expected.answer(prompt, options, stopAtThree).tokens);
    EXPECT_EQ(answer.tokens.size(), 3u);
    EXPECT_EQ(answer.reusedTokens, turn == 0 ? 0 : prompt.size() - 3);
    EXPECT_EQ(Ids(chat.held().begin(), chat.held().end()), Ids(expected.held().begin(), expected.held().end()));
    prompt = joined(joined(prompt, answer.tokens), {7, 8});
  }
}

// Test: who comes back to an earlier conversation finds its whole pages, if the session keeps them.
TEST_F(ChatSessionTest, EarlierConversations) {
  Session keeping(model, SessionOptions{.keepPrefixes = true});
  ChatSession here(keeping, *tokenizer);
  Ids one = {3, 9, 4, 7, 1, 5, 6, 11, 12, 3}, two = {4, 9, 4, 7, 1};
  Ids answer = here.answer(one, options, goOn).tokens;
  EXPECT_EQ(here.answer(two, options, goOn).reusedTokens, 0u);
  ChatAnswer again = here.answer(joined(one, answer), options, goOn);
  EXPECT_EQ(again.reusedTokens, 12u);
  EXPECT_EQ(again.tokens, fromTheStart(joined(one, answer)));
  // What the sequence itself has counts to the token.
  EXPECT_EQ(here.answer(joined(one, {answer[0], 1}), options, goOn).reusedTokens, 11u);
}
