//===- GenerateTest.cpp ------------------------------------------------------------------===//

#include "runtime/text/Generate.h"
#include "test/runtime/TestTokenizer.h"
#include "test/runtime/ToyPlan.h"

#include <algorithm>

using namespace quipu;
using namespace quipu::test;

namespace {

class GenerateTest : public testing::Test {
protected:
  GenerateTest() : session(Model::load(writeToyPlan(folder, toyPlan(folder)))) {
    options.sampling.temperature = 0;
    options.ignoreEos = true;
  }

  std::vector<int32_t> generate(const std::vector<int32_t> &prompt) {
    std::vector<int32_t> tokens;
    summary = Generator(session, nullptr).generate(prompt, options, [&](int32_t token, std::string_view text) {
      EXPECT_TRUE(text.empty());
      tokens.push_back(token);
      return true;
    });
    return tokens;
  }

  TempFolder folder;
  Session session;
  GenerateOptions options;
  GenerateSummary summary;
};

} // namespace

// Test: the loop is prefill, argmax, decode, argmax, ...; chunks of the prompt change nothing.
TEST_F(GenerateTest, Greedy) {
  options.maxTokens = 6;
  std::vector<int32_t> tokens = generate({3, 9, 4});
  ASSERT_EQ(tokens.size(), 6u);
  EXPECT_EQ(summary.reason, StopReason::MaxTokens);
  EXPECT_EQ(summary.promptTokens, 3u);
  EXPECT_EQ(summary.newTokens, 6u);
  EXPECT_EQ(summary.decodeSteps, 5u);
  SequenceId sequence = session.addSequence();
  std::vector<int32_t> expected;
  auto argmax = [](std::span<const float> row) {
    return int32_t(std::max_element(row.begin(), row.end()) - row.begin());
  };
  expected.push_back(argmax(session.prefill(sequence, std::vector<int32_t>{3, 9, 4}).row(0)));
  while (expected.size() < 6)
    expected.push_back(argmax(session.decode(sequence, expected.back())));
  EXPECT_EQ(tokens, expected);
  options.chunkRows = 1;
  EXPECT_EQ(generate({3, 9, 4}), tokens);
}

TEST_F(GenerateTest, SeedsRepeat) {
  options.sampling.temperature = 1.5f;
  options.maxTokens = 12;
  options.sampling.seed = 4;
  std::vector<int32_t> first = generate({1});
  EXPECT_EQ(generate({1}), first);
}

// Test: at any of the EOS ids the loop stops and does not hand it out.
TEST_F(GenerateTest, StopsAtEos) {
  options.maxTokens = 5;
  std::vector<int32_t> tokens = generate({3, 9, 4});
  plan::PlanT plan = toyPlan(folder);
  plan.config->eos_token_ids = {-1, tokens[0]};
  Session other(Model::load(writeToyPlan(folder, plan, "other.plan")));
  options.ignoreEos = false;
  auto none = [](int32_t, std::string_view) { return true; };
  GenerateSummary stopped = Generator(other, nullptr).generate(std::vector<int32_t>{3, 9, 4}, options, none);
  EXPECT_EQ(stopped.reason, StopReason::Eos);
  EXPECT_EQ(stopped.newTokens, 0u);
}

// Test: the end of a tokenizer that did not come with the plan is one too, unless the plan has none at all.
TEST_F(GenerateTest, StopsAtTheTokenizersEnd) {
  options.maxTokens = 5;
  std::vector<int32_t> tokens = generate({3, 9, 4});
  TokenizerSettings settings;
  settings.eos = tokens[0];
  auto tokenizer = Tokenizer::fromData({"t", SentencePieceData{testTokenizerModel()}, settings});
  options.ignoreEos = false;
  auto generated = [&](const std::vector<int32_t> &ends) {
    plan::PlanT plan = toyPlan(folder);
    plan.config->eos_token_ids = ends;
    Session other(Model::load(writeToyPlan(folder, plan, "other.plan")));
    auto any = [](int32_t, std::string_view) { return true; };
    EXPECT_EQ(addedEnd(other.model().config(), nullptr), std::nullopt);
    return Generator(other, tokenizer.get()).generate(std::vector<int32_t>{3, 9, 4}, options, any);
  };
  EXPECT_EQ(generated({kToyVocab - 1}).reason, StopReason::Eos);
  EXPECT_EQ(generated({kToyVocab - 1}).newTokens, 0u);
  EXPECT_EQ(generated({}).reason, StopReason::MaxTokens);
}

TEST_F(GenerateTest, StopsWhereTheContextEnds) {
  std::vector<int32_t> tokens = generate(std::vector<int32_t>(20, 5));
  EXPECT_EQ(summary.reason, StopReason::ContextFull);
  EXPECT_EQ(tokens.size(), size_t(kToyMaxSeq) - 20 + 1);
  EXPECT_NE(errorOf([&] { generate(std::vector<int32_t>(31, 5)); }).find("--max-seq"), std::string::npos);
  // The sequences that failed or ended are gone.
  for (int i = 0; i < kToyMaxBatch; ++i)
    session.addSequence();
}

TEST_F(GenerateTest, CallbackStops) {
  int calls = 0;
  auto stop = [&](int32_t, std::string_view) { return ++calls < 3; };
  GenerateSummary stopped = Generator(session, nullptr).generate(std::vector<int32_t>{1}, options, stop);
  EXPECT_EQ(stopped.reason, StopReason::Callback);
  EXPECT_EQ(calls, 3);
}

// Test: a chat's second turn sees the first.
TEST_F(GenerateTest, Continues) {
  options.maxTokens = 3;
  std::vector<int32_t> whole = {3, 9, 4};
  SequenceId sequence = session.addSequence();
  auto collect = [&](int32_t token, std::string_view) {
    whole.push_back(token);
    return true;
  };
  Generator generator(session, nullptr);
  generator.continueSequence(sequence, whole, options, collect);
  EXPECT_EQ(session.length(sequence), 5u);
  // The last token was not run yet, so it is computed with the next turn.
  whole.push_back(7);
  std::vector<int32_t> prompt = whole;
  GenerateSummary second = generator.continueSequence(sequence, prompt, options, collect);
  EXPECT_EQ(second.promptTokens, 2u);
  EXPECT_EQ(std::vector<int32_t>(whole.begin() + ptrdiff_t(prompt.size()), whole.end()), generate(prompt));
}

// Test: further ids end a text too, unless nothing shall end it.
TEST_F(GenerateTest, StopsAtFurtherEnds) {
  options.maxTokens = 5;
  std::vector<int32_t> tokens = generate({3, 9, 4});
  options.ends = {tokens[0]};
  EXPECT_EQ(generate({3, 9, 4}), tokens);
  options.ignoreEos = false;
  EXPECT_TRUE(generate({3, 9, 4}).empty());
  EXPECT_EQ(summary.reason, StopReason::Eos);
}

// Test: the text of the callback is the text of the tokens, the held-back rest at the end included.
TEST_F(GenerateTest, Text) {
  auto tokenizer = Tokenizer::fromData({"t", SentencePieceData{testTokenizerModel()}, TokenizerSettings()});
  options.maxTokens = 8;
  std::string text;
  std::vector<int32_t> tokens = {kFirstByteId + 'x'};
  Generator(session, tokenizer.get())
      .generate(std::vector<int32_t>{3}, options, [&](int32_t token, std::string_view piece) {
        text += piece;
        if (token >= 0)
          tokens.push_back(token);
        return true;
      });
  EXPECT_EQ("x" + text, tokenizer->decode(tokens));
}
