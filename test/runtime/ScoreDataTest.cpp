//===- ScoreDataTest.cpp: from the lines of a data file to ids and masks -----------------------===//

#include "runtime/score/DataFile.h"
#include "runtime/score/Samples.h"
#include "runtime/score/Scorer.h"
#include "runtime/score/TextEncoder.h"
#include "test/fuzz/KeepInput.h"
#include "test/runtime/TestTokenizer.h"
#include "test/runtime/ToyPlan.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <numeric>

using namespace quipu;
using namespace quipu::test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

/// The ids of a text, with * in front of those that are scored.
std::string shown(const Tokenizer &tokenizer, const ScoredText &text) {
  std::string line;
  for (size_t i = 0; i < text.ids.size(); ++i)
    line += std::string(i ? " " : "") + (text.scored[i] ? "*" : "") + tokenizer.piece(text.ids[i]);
  return line;
}

class TextEncoding : public testing::Test {
protected:
  TextEncoding() {
    writeFile(folder.path("tokenizer.model"), testTokenizerModel());
    TokenizerSettings settings;
    settings.addBos = true;
    tokenizer = tokenizerOf(folder.path("tokenizer.model"), settings);
  }

  std::string pair(const std::string &prompt, const std::string &response,
                   const EncodingRules &rules = {.end = kEosId}) {
    return shown(*tokenizer, TextEncoder(*tokenizer, rules).pair(prompt, response));
  }

  TempFolder folder;
  std::unique_ptr<Tokenizer> tokenizer;
};

} // namespace

TEST_F(TextEncoding, Pairs) {
  EXPECT_EQ(pair("the", " cat"), "<s> ▁the *▁cat *</s>");
  // A space at the end of the prompt is in the first token of the response: the texts are one text.
  EXPECT_EQ(pair("the ", "cat"), "<s> ▁the *▁cat *</s>");
  EXPECT_EQ(pair("the", "cat"), "<s> ▁the *c *at *</s>");
  // The cut goes through a token.
  EXPECT_EQ(pair("the c", "at"), "<s> ▁the *▁cat *</s>");
  EXPECT_EQ(pair("", "the cat"), "<s> *▁the *▁cat *</s>");
  EncodingRules rules = {.maskPrompt = false, .end = kEosId};
  EXPECT_EQ(pair("the", " cat", rules), "<s> *▁the *▁cat *</s>");
  rules = {.end = std::nullopt};
  EXPECT_EQ(pair("the", " cat", rules), "<s> ▁the *▁cat");
}

TEST_F(TextEncoding, Apart) {
  EncodingRules rules = {.join = JoinTexts::Apart, .end = kEosId};
  EXPECT_EQ(pair("the", "cat", rules), "<s> ▁the *▁cat *</s>");
  EXPECT_EQ(pair("the", " cat", rules), "<s> ▁the *▁ *▁cat *</s>");
}

// Test: texts of users never hold a special token; where they may, BOS and EOS are there once.
TEST_F(TextEncoding, SpecialTokens) {
  EXPECT_EQ(pair("<s>the", " cat</s>"), "<s> ▁ < s > t he *▁cat *< */ *s *> *</s>");
  EncodingRules rules = {.special = SpecialTokens::asTokens, .end = kEosId};
  ScoredText text = TextEncoder(*tokenizer, rules).pair("<s>the", " cat</s>");
  EXPECT_EQ(std::ranges::count(text.ids, kBosId), 1);
  EXPECT_EQ(std::ranges::count(text.ids, kEosId), 1);
  EXPECT_EQ(text.ids.back(), kEosId);
}

// Test: without BOS nothing stands in front of the first token.
TEST_F(TextEncoding, NoBos) {
  TokenizerSettings settings;
  settings.addBos = false;
  tokenizer = tokenizerOf(folder.path("tokenizer.model"), settings);
  EXPECT_EQ(pair("", "the cat"), "▁the *▁cat *</s>");
  TextEncoder encoder(*tokenizer, {.end = std::nullopt});
  std::vector<DataLine> lines = {{7, Pair{"", "the"}}};
  EXPECT_THAT(errorOf([&] { makeSamples(lines, "data", encoder, {.tokens = 10, .reason = ""}); }),
              AllOf(HasSubstr("data: line 7: nothing of the response is scored"), HasSubstr("give a prompt")));
}

// Test: all choices score from the same token on, so none has a token less because it splits the context elsewhere.
TEST_F(TextEncoding, Choices) {
  TextEncoder encoder(*tokenizer, {.end = kEosId});
  std::vector<ScoredText> texts = encoder.choices("the ", {"cat", "é"});
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(shown(*tokenizer, texts[0]), "<s> ▁the *▁cat");
  EXPECT_EQ(shown(*tokenizer, texts[1]), "<s> ▁the *▁ *é");
  std::vector<DataLine> lines = {{1, Question{"the ", {"cat", "é"}, 1}}};
  SampleSet set = makeSamples(lines, "data", encoder, {.tokens = 10, .reason = ""});
  EXPECT_THAT(set.samples[0].choiceBytes, ElementsAre(3, 2));
  EXPECT_EQ(&set.samples[0].mainText(), &set.samples[0].texts[1]);
}

TEST_F(TextEncoding, Conversations) {
  EncodingRules rules = {.end = kEosId, .format = ChatFormat::builtIn("llama2", tokenizer.get())};
  std::vector<ChatMessage> messages = {{"user", "the"}, {"assistant", "cat"}, {"user", "the"}, {"assistant", "the"}};
  std::string line = shown(*tokenizer, TextEncoder(*tokenizer, rules).conversation(messages));
  // Each turn begins with BOS and ends with EOS, which is scored; what the user says is not.
  EXPECT_THAT(line, AllOf(testing::StartsWith("<s> "), HasSubstr("*▁cat"), HasSubstr("*</s> <s> "),
                          testing::EndsWith("*</s>"), testing::Not(HasSubstr("*<s>"))));
  EXPECT_EQ(line.find('*'), line.find("*▁cat"));
}

TEST_F(TextEncoding, LongSamples) {
  TextEncoder encoder(*tokenizer, {.end = kEosId});
  std::vector<DataLine> lines = {{1, Pair{"the", " cat"}}, {3, Pair{"the", " cat the"}}, {4, Pair{"a", " cat"}}};
  LengthLimit limit = {.tokens = 4, .reason = "make it shorter"};
  EXPECT_EQ(errorOf([&] { makeSamples(lines, "data", encoder, limit); }),
            "data: line 3: has 5 tokens; make it shorter");
  limit.skip = true;
  SampleSet set = makeSamples(lines, "data", encoder, limit);
  EXPECT_EQ(set.skipped, 1u);
  ASSERT_EQ(set.samples.size(), 2u);
  // Numbers are those of the file.
  EXPECT_EQ(set.samples[1].index, 2u);
  EXPECT_EQ(set.samples[1].line, 4u);
  limit.tokens = 2;
  EXPECT_EQ(errorOf([&] { makeSamples(lines, "data", encoder, limit); }),
            "data: all of its 3 samples are too long; make it shorter");
}

/// The text's lines, which are a seed of fuzzing too.
static std::vector<DataLine> linesOf(const std::string &text) {
  keepInput("score_data", text);
  return readDataLines(text, "data.jsonl");
}

TEST(DataFile, Lines) {
  std::vector<DataLine> lines = linesOf("{\"prompt\": \"a\", \"response\": \"b\", \"id\": 3}\r\n\n"
                                        "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}, "
                                        "{\"role\": \"assistant\", \"content\": \"a\\u00e9\"}]}");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(std::get<Pair>(lines[0].content).response, "b");
  EXPECT_EQ(lines[1].number, 3u);
  EXPECT_EQ(std::get<Conversation>(lines[1].content).messages[1].content, "aé");
  lines = linesOf("{\"context\": \"\", \"choices\": [\"x\", \"y\"], \"answer\": 1}\n");
  EXPECT_EQ(std::get<Question>(lines[0].content).answer, 1u);
}

// Test: each bad line is refused with its number, the field, what was found and what to do.
TEST(DataFile, Refusals) {
  const std::pair<const char *, const char *> cases[] = {
      {"{\"prompt\": \"a\", \"response\": ", "line 2, column 29: not valid JSON: "},
      {"{\"prompt\": \"a\" \"response\": \"b\"}", "line 2, column 25: not valid JSON: "},
      {"[1, 2]", "line 2: is a list; expected an object; a line is {\"prompt\", \"response\"}, {\"messages\"} or "},
      {"{}", "line 2: no kind of line has these fields: no fields; a line is "},
      {"{\"text\": \"a\"}", "line 2: no kind of line has these fields: \"text\"; a line is "},
      {"{\"prompt\": \"a\", \"completion\": \"b\"}",
       "line 2: a pair without \"response\" (it has \"completion\", \"prompt\")"},
      {"{\"prompt\": 1, \"response\": \"b\"}", "line 2: \"prompt\" is 1, which is no text; expected a string"},
      {"{\"prompt\": \"a\", \"response\": null}", "line 2: \"response\" is null, which is no text"},
      {"{\"prompt\": \"a\", \"response\": \"\"}", "line 2: \"response\" is empty, so there is nothing to score"},
      {"{\"prompt\": \"a\", \"response\": \"b\", \"choices\": []}", "line 2: has fields of a pair and of a question"},
      {"{\"prompt\": \"a\", \"response\": \"b\", \"system\": \"c\"}", "line 2: \"system\" would change the text"},
      {"{\"messages\": {}}", "line 2: \"messages\" is an object; expected a list"},
      {"{\"messages\": [\"hi\"]}", "line 2: \"messages\"[0] is \"hi\"; expected {\"role\", \"content\"}"},
      {"{\"messages\": [{\"role\": \"user\"}]}", "line 2: \"messages\"[0] has no \"content\" (it has \"role\")"},
      {"{\"messages\": [{\"role\": \"user\", \"content\": []}]}",
       "line 2: \"messages\"[0]: \"content\" is a list, which is no text"},
      {"{\"messages\": [{\"role\": \"user\", \"content\": \"a\", \"weight\": 0}]}",
       "\"messages\"[0] has \"weight\", which is not"},
      {"{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}",
       "line 2: \"messages\" has no message of the role \"assistant\""},
      {"{\"messages\": [{\"role\": \"assistant\", \"content\": \"\"}]}",
       "\"messages\"[0]: the assistant's \"content\" is blank"},
      {"{\"messages\": [{\"role\": \"assistant\", \"content\": \" \\n\"}]}",
       "\"messages\"[0]: the assistant's \"content\" is blank"},
      {"{\"context\": \"a\", \"choices\": \"b\", \"answer\": 0}", "line 2: \"choices\" is \"b\"; expected a list"},
      {"{\"context\": \"a\", \"choices\": [\"b\"], \"answer\": 0}",
       "line 2: \"choices\" has 1 text; a question needs two"},
      {"{\"context\": \"a\", \"choices\": [\"b\", \"\"], \"answer\": 0}",
       "line 2: \"choices\"[1] is \"\"; expected a text"},
      {"{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": 2}",
       "line 2: \"answer\" is 2; expected the number of the right choice, from 0 to 1"},
      {"{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": -1}", "line 2: \"answer\" is -1; expected"},
      {"{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": \"b\"}", "line 2: \"answer\" is \"b\"; expected"},
      {"{\"context\": \"a\", \"choices\": [\"b\", \"c\"]}", "line 2: a question without \"answer\""},
      {"{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": 0}",
       "line 2: questions (\"choices\") and texts to score in one file (line 1 "},
      {"{\"prompt\": \"\xff\", \"response\": \"b\"}", "line 2: not UTF-8 at byte 13 of the line"},
      {"{\"prompt\": \"\\ud800\", \"response\": \"b\"}", "line 2, column 19: not valid JSON: "},
      {"{\"prompt\": \"a\", \"response\": 1e999}", "line 2: not valid JSON: a number is too large"},
      {"{\"prompt\": \"a\", \"response\": \"b\", \"response\": \"c\"}",
       "line 2: the key \"response\" appears twice in one object; remove one of them"},
      {"{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"user\", \"role\": \"assistant\", "
       "\"content\": \"b\"}]}",
       "line 2: the key \"role\" appears twice in one object"},
  };
  for (const auto &[line, message] : cases) {
    std::string text = std::string("{\"prompt\": \"a\", \"response\": \"b\"}\n") + line + "\n";
    std::string error = errorOf([&] { linesOf(text); });
    EXPECT_THAT(error, AllOf(testing::StartsWith("data.jsonl: line 2"), HasSubstr(message))) << line;
  }
  // A parser that ends at a zero byte would not see what follows.
  std::string line = "{\"prompt\": \"a\", \"response\": \"b\"}";
  EXPECT_THAT(errorOf([&] { linesOf(line + '\0' + "{\n"); }),
              HasSubstr("line 1, column 33: not valid JSON: a byte of the value 0"));
  for (const char *text : {"", "\n \n"})
    EXPECT_THAT(errorOf([&] { linesOf(text); }), HasSubstr("data.jsonl: has no lines; a line is "));
  // Deep nesting is read without recursion.
  std::string deep = "{\"prompt\": " + std::string(200000, '[') + std::string(200000, ']') + ", \"response\": \"b\"}";
  EXPECT_THAT(errorOf([&] { readDataLines(deep, "data"); }),
              HasSubstr("line 1: \"prompt\" is a list, which is no text"));
}

// Test: whichever texts run together and wherever it goes on, each sample gets its own numbers, in order.
TEST(Scorer, InOrder) {
  TempFolder folder;
  std::shared_ptr<const Model> model = Model::load(writeToyPlan(folder, toyPlan(folder)));
  std::vector<Sample> samples;
  for (size_t i = 0; i < 9; ++i) {
    Sample sample;
    sample.index = i;
    for (size_t j = 0; j < 1 + i % 2; ++j) {
      ScoredText text;
      for (size_t k = 0; k < 2 + (i * 5 + j) % 7; ++k)
        text.ids.push_back(int32_t((i * 3 + j + k * k) % size_t(kToyVocab)));
      text.scored.assign(text.ids.size(), false);
      for (size_t k = 1 + i % 2; k < text.ids.size(); k += 2)
        text.scored[k] = true;
      sample.texts.push_back(text);
    }
    samples.push_back(sample);
  }
  std::vector<size_t> lengths;
  for (const Sample &sample : samples)
    for (const ScoredText &text : sample.texts)
      lengths.push_back(text.ids.size());
  Session session(model);
  std::vector<const ScoredText *> texts;
  std::vector<std::pair<size_t, size_t>> places;
  for (size_t i = 0; i < samples.size(); ++i)
    for (size_t j = 0; j < samples[i].texts.size(); ++j) {
      texts.push_back(&samples[i].texts[j]);
      places.push_back({i, j});
    }
  for (const std::vector<TextGroup> &groups : {groupTexts(lengths, 1, SIZE_MAX), packTexts(lengths, 12, 2)}) {
    // Logits of the toy model say of which launch they are, so the same groups give what is expected.
    std::map<std::pair<size_t, size_t>, LogProbabilities> expected;
    for (const TextGroup &group : groups) {
      std::vector<const ScoredText *> together;
      for (size_t text : group)
        together.push_back(texts[text]);
      std::vector<LogProbabilities> scores = scoreTexts(session, together);
      for (size_t k = 0; k < group.size(); ++k) {
        expected[places[group[k]]] = scores[k];
        EXPECT_EQ(scores[k].size(), texts[group[k]]->scoredCount());
      }
    }
    for (size_t begin : {size_t(0), size_t(4), size_t(9)}) {
      size_t next = begin, computed = 0, all = 0;
      scoreSamples(
          session, samples, groups, begin,
          [&](size_t sample, const SampleScore &score) {
            EXPECT_EQ(sample, next++);
            ASSERT_EQ(score.texts.size(), samples[sample].texts.size());
            for (size_t j = 0; j < score.texts.size(); ++j)
              EXPECT_EQ(score.texts[j], (expected[{sample, j}])) << sample;
          },
          [&](size_t tokens, bool wereComputed) {
            all += tokens;
            computed += wereComputed ? tokens : 0;
          });
      EXPECT_EQ(next, samples.size());
      EXPECT_EQ(computed == 0, begin == samples.size());
      EXPECT_EQ(all, std::accumulate(lengths.begin(), lengths.end(), size_t(0)));
      // No sequence is left.
      EXPECT_EQ(session.cacheBytesUsed(), 0u);
    }
  }
}
