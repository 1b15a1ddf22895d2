//===- SessionTest.cpp: chunks, batches, padding, pages ----------------------------------===//

#include "runtime/core/Session.h"
#include "runtime/core/Device.h"
#include "runtime/core/ToolRange.h"
#include "test/runtime/ToyPlan.h"
#include "test/runtime/ToyTokens.h"

#include <cmath>

using namespace quipu;
using namespace quipu::test;

namespace {

class SessionTest : public testing::TestWithParam<unsigned> {
protected:
  SessionTest() : path(writeToyPlan(folder, toyPlan(folder))), model(load()), session(model) {}

  std::shared_ptr<const Model> load() {
    ModelOptions options;
    options.threads = GetParam();
    return Model::load(path, options);
  }

  /// Compares a row of logits with position `t` of the reference.
  static void expectRow(std::span<const float> row, const std::vector<int32_t> &tokens, size_t t) {
    std::vector<float> reference = toyReference(toyWeights(), {tokens.begin(), tokens.begin() + ptrdiff_t(t) + 1});
    for (size_t v = 0; v < size_t(kToyRowsColumn); ++v) {
      float expected = reference[t * size_t(kToyVocab) + v];
      ASSERT_NEAR(row[v], expected, 1e-4f * (1 + std::fabs(expected))) << "position " << t << ", column " << v;
    }
    ASSERT_EQ(row[kToyPositionColumn], float(t));
  }

  TempFolder folder;
  std::string path;
  std::shared_ptr<const Model> model;
  Session session;
};

} // namespace

INSTANTIATE_TEST_SUITE_P(Threads, SessionTest, testing::Values(1, 2, 3));

// Test: where no profiler takes ranges, nothing has a name. (ToolRangeTest.cpp has one.)
TEST(ToolRange, WithoutAProfiler) {
  if (getenv("NVTX_INJECTION64_PATH"))
    GTEST_SKIP() << "these tests run in a profiler";
  EXPECT_FALSE(rangesWanted());
  ToolRange range(RangeKind::Phase, []() -> std::string {
    ADD_FAILURE() << "a name is made that nobody reads";
    return "";
  });
}

// Test: one launch, every position.
TEST_P(SessionTest, PrefillAll) {
  std::vector<int32_t> tokens = toyTokens(1, 11);
  SequenceId sequence = session.addSequence();
  LogitsRows rows = session.prefill(sequence, tokens, LogitsMode::All);
  ASSERT_EQ(rows.rows, 11u);
  ASSERT_EQ(rows.vocab, size_t(kToyVocab));
  for (size_t t = 0; t < 11; ++t) {
    expectRow(rows.row(t), tokens, t);
    EXPECT_EQ(rows.row(t)[kToyTagColumn], kToyPrefillTag);
    // 11 rows are padded to 12.
    EXPECT_EQ(rows.row(t)[kToyRowsColumn], 12);
  }
  EXPECT_EQ(session.length(sequence), 11u);
}

// Test: whole, in chunks of any size, and token by token are one meaning; bit for bit, as the kernels are the same.
TEST_P(SessionTest, ChunksAgree) {
  std::vector<int32_t> tokens = toyTokens(2, 29);
  std::vector<float> whole;
  for (uint32_t chunk : {0u, 1u, 2u, 3u, 5u, 8u, 12u, 100u}) {
    SequenceId sequence = session.addSequence();
    LogitsRows rows = session.prefill(sequence, tokens, LogitsMode::All, chunk);
    ASSERT_EQ(rows.rows, tokens.size());
    for (size_t t = 0; t < tokens.size(); ++t)
      expectRow(rows.row(t), tokens, t);
    if (chunk == 1) {
      EXPECT_EQ(rows.row(5)[kToyTagColumn], kToyDecodeTag);
      EXPECT_EQ(rows.row(5)[kToyRowsColumn], 1);
    }
    std::vector<float> values;
    for (size_t t = 0; t < tokens.size(); ++t)
      values.insert(values.end(), rows.row(t).begin(), rows.row(t).begin() + kToyRowsColumn);
    if (whole.empty())
      whole = values;
    EXPECT_EQ(values, whole) << "chunks of " << chunk;
    session.removeSequence(sequence);
  }
}

TEST_P(SessionTest, PrefillThenDecode) {
  std::vector<int32_t> tokens = toyTokens(3, kToyMaxSeq);
  SequenceId sequence = session.addSequence();
  LogitsRows rows = session.prefill(sequence, std::span(tokens).first(14));
  ASSERT_EQ(rows.rows, 1u);
  expectRow(rows.row(0), tokens, 13);
  for (size_t t = 14; t < tokens.size(); ++t)
    expectRow(session.decode(sequence, tokens[t]), tokens, t);
}

// Test: sequences of different lengths in one step; rows of each begin at a multiple of row_align.
TEST_P(SessionTest, RaggedBatch) {
  std::vector<int32_t> a = toyTokens(4, 3), b = toyTokens(5, 1), c = toyTokens(6, 2);
  SequenceTokens batch[] = {{session.addSequence(), a, LogitsMode::All},
                            {session.addSequence(), b, LogitsMode::None},
                            {session.addSequence(), c, LogitsMode::Last}};
  LogitsRows rows = session.step(batch);
  ASSERT_EQ(rows.rows, 4u);
  for (size_t t = 0; t < 3; ++t) {
    expectRow(rows.row(t), a, t);
    EXPECT_EQ(rows.row(t)[kToyRowColumn], float(t));
  }
  expectRow(rows.row(3), c, 1);
  EXPECT_EQ(rows.row(3)[kToyRowColumn], 9);
  EXPECT_EQ(rows.row(3)[kToyRowsColumn], 12);
}

// Test: three sequences decode together, each continuing its own; they interleave in the pool of pages.
TEST_P(SessionTest, BatchedDecode) {
  std::vector<std::vector<int32_t>> tokens = {toyTokens(7, 20), toyTokens(8, 25), toyTokens(9, 17)};
  std::vector<SequenceId> ids;
  std::vector<size_t> at = {5, 9, 2};
  for (size_t i = 0; i < 3; ++i) {
    ids.push_back(session.addSequence());
    session.prefill(ids[i], std::span(tokens[i]).first(at[i]), LogitsMode::None);
  }
  for (int step = 0; step < 15; ++step) {
    std::vector<SequenceTokens> batch;
    for (size_t i = 0; i < 3; ++i)
      batch.push_back({ids[i], std::span(tokens[i]).subspan(at[i], 1), LogitsMode::Last});
    LogitsRows rows = session.step(batch);
    ASSERT_EQ(rows.rows, 3u);
    for (size_t i = 0; i < 3; ++i)
      expectRow(rows.row(i), tokens[i], at[i]++);
  }
}

// Test: a batch larger than a launch is split, also inside of a sequence, and the sink sees every wanted row in order.
TEST_P(SessionTest, BatchInSeveralLaunches) {
  std::vector<std::vector<int32_t>> tokens = {toyTokens(10, 13), toyTokens(11, 29), toyTokens(12, 7)};
  std::vector<SequenceTokens> batch;
  for (const auto &part : tokens)
    batch.push_back({session.addSequence(), part, LogitsMode::All});
  std::vector<std::pair<size_t, size_t>> seen;
  session.step(batch, [&](size_t sequence, size_t token, std::span<const float> logits) {
    expectRow(logits, tokens[sequence], token);
    seen.push_back({sequence, token});
  });
  std::vector<std::pair<size_t, size_t>> expected;
  for (size_t i = 0; i < tokens.size(); ++i)
    for (size_t t = 0; t < tokens[i].size(); ++t)
      expected.push_back({i, t});
  EXPECT_EQ(seen, expected);
}

// Test: pages come back, are used again by others, and what they held before is not seen.
TEST_P(SessionTest, SequencesComeAndGo) {
  std::vector<SequenceId> alive;
  std::vector<std::vector<int32_t>> tokens;
  for (int round = 0; round < 40; ++round) {
    if (alive.size() == size_t(kToyMaxBatch)) {
      size_t victim = size_t(round) % alive.size();
      session.removeSequence(alive[victim]);
      alive.erase(alive.begin() + ptrdiff_t(victim));
      tokens.erase(tokens.begin() + ptrdiff_t(victim));
    }
    alive.push_back(session.addSequence());
    tokens.push_back(toyTokens(round, 3 + size_t(round) % 20));
    expectRow(session.prefill(alive.back(), tokens.back()).row(0), tokens.back(), tokens.back().size() - 1);
    // An older one goes on.
    tokens[0].push_back(round % int32_t(kToyVocab));
    expectRow(session.decode(alive[0], tokens[0].back()), tokens[0], tokens[0].size() - 1);
    if (tokens[0].size() > 25) {
      session.removeSequence(alive[0]);
      alive.erase(alive.begin());
      tokens.erase(tokens.begin());
    }
  }
}

TEST_P(SessionTest, Truncate) {
  std::vector<int32_t> tokens = toyTokens(13, 20);
  SequenceId sequence = session.addSequence();
  session.prefill(sequence, tokens);
  session.truncate(sequence, 6);
  tokens.resize(6);
  tokens.push_back(30);
  expectRow(session.decode(sequence, 30), tokens, 6);
}

// Test: a fork goes on as its own text does, from the middle of a page on, and so does the sequence it comes from.
TEST_P(SessionTest, Fork) {
  std::vector<int32_t> tokens = toyTokens(16, 20);
  SequenceId first = session.addSequence();
  session.prefill(first, std::span(tokens).first(10));
  SequenceId second = session.fork(first);
  EXPECT_EQ(session.length(second), 10u);
  uint64_t before = session.cacheBytesUsed();
  std::vector<int32_t> other(tokens.begin(), tokens.begin() + 10);
  for (size_t t = 10; t < 15; ++t) {
    other.push_back(int32_t(t));
    std::vector<SequenceTokens> batch = {{first, std::span(tokens).subspan(t, 1)},
                                         {second, std::span(other).subspan(t, 1)}};
    LogitsRows rows = session.step(batch);
    expectRow(rows.row(0), tokens, t);
    expectRow(rows.row(1), other, t);
  }
  // Two pages are still the same.
  EXPECT_EQ(session.cacheBytesUsed(), before / 3 * 6);
  session.removeSequence(first);
  other.push_back(3);
  expectRow(session.decode(second, 3), other, 15);
  session.fork(second);
  session.fork(second);
  EXPECT_NE(errorOf([&] { session.fork(second); }).find("all 3 sequences"), std::string::npos);
  EXPECT_NE(errorOf([&] { session.fork(7); }).find("not alive"), std::string::npos);
}

// Test: what a sequence leaves behind is found by its tokens, and gives the same logits bit for bit, also when a page
// of it was overwritten meanwhile; a session that keeps nothing finds nothing.
TEST_P(SessionTest, Prefixes) {
  Session keeping(model, SessionOptions{0, true});
  std::vector<int32_t> tokens = toyTokens(17, 18);
  SequenceId sequence = keeping.addSequence();
  LogitsRows rows = keeping.prefill(sequence, tokens);
  std::vector<float> whole(rows.row(0).begin(), rows.row(0).begin() + kToyRowsColumn);
  keeping.truncate(sequence, 6);
  keeping.decode(sequence, 9);
  keeping.removeSequence(sequence);
  EXPECT_EQ(keeping.cacheBytesUsed(), 0u);
  sequence = keeping.addSequence();
  ASSERT_EQ(keeping.adoptPrefix(sequence, tokens), 16u);
  EXPECT_EQ(keeping.length(sequence), 16u);
  rows = keeping.prefill(sequence, std::span(tokens).subspan(16));
  EXPECT_TRUE(std::equal(whole.begin(), whole.end(), rows.row(0).begin()));
  EXPECT_NE(errorOf([&] { keeping.adoptPrefix(sequence, tokens); }).find("only an empty one"), std::string::npos);
  // Tokens that a loop has chosen are found as well.
  std::vector<int32_t> text = toyTokens(18, 3);
  SequenceId loop = keeping.addSequence();
  int32_t next = keeping.choose(std::vector<SequenceTokens>{{loop, text}}).front();
  NextToken start = {loop, next};
  text.push_back(next);
  keeping.greedy({&start, 1}, 9, [&](std::span<const int32_t> chosen) {
    text.push_back(chosen.front());
    return true;
  });
  ASSERT_EQ(keeping.length(loop), 12u);
  keeping.removeSequence(loop);
  loop = keeping.addSequence();
  EXPECT_EQ(keeping.adoptPrefix(loop, text), 12u);
  expectRow(keeping.decode(loop, text[12]), text, 12);

  SequenceId none = session.addSequence();
  session.prefill(none, tokens);
  SequenceId other = session.addSequence();
  EXPECT_EQ(session.adoptPrefix(other, tokens), 0u);
}

// Test: two sessions of one model share nothing but the device.
TEST_P(SessionTest, SessionsAreApart) {
  Session other(model);
  std::vector<int32_t> a = toyTokens(14, 6), b = toyTokens(15, 9);
  SequenceId first = session.addSequence(), second = other.addSequence();
  session.prefill(first, std::span(a).first(5));
  other.prefill(second, std::span(b).first(8));
  expectRow(session.decode(first, a[5]), a, 5);
  expectRow(other.decode(second, b[8]), b, 8);
}

TEST_P(SessionTest, BadInput) {
  SequenceId sequence = session.addSequence();
  auto refusal = [&](const std::vector<int32_t> &tokens) {
    return errorOf([&] { session.prefill(sequence, tokens); });
  };
  EXPECT_NE(refusal({}).find("no tokens"), std::string::npos);
  EXPECT_NE(refusal({1, 2, 32}).find("token 2 of the input has id 32, the vocabulary has ids 0 to 31"),
            std::string::npos);
  EXPECT_NE(refusal({-1}).find("token 0 of the input has id -1"), std::string::npos);
  std::string message = refusal(toyTokens(1, 31));
  EXPECT_NE(message.find("a prompt of 31 tokens"), std::string::npos) << message;
  EXPECT_NE(message.find("at most 30 tokens"), std::string::npos) << message;
  EXPECT_NE(message.find("--max-seq 31"), std::string::npos) << message;
  EXPECT_EQ(session.length(sequence), 0u);
  session.prefill(sequence, toyTokens(1, 30));
  EXPECT_NE(errorOf([&] { session.decode(sequence, 1); }).find("1 more tokens after 30"), std::string::npos);
  EXPECT_NE(errorOf([&] { session.decode(2, 1); }).find("not alive"), std::string::npos);
  EXPECT_NE(errorOf([&] { session.removeSequence(-7); }).find("not alive"), std::string::npos);
  std::vector<int32_t> one = {1};
  SequenceId other = session.addSequence();
  SequenceTokens twice[] = {{other, one}, {other, one}};
  EXPECT_NE(errorOf([&] { session.step(twice); }).find("twice"), std::string::npos);
}

// Test: a small cache refuses before anything has run, and goes on when there is room.
TEST_P(SessionTest, FullCache) {
  Session small(model, SessionOptions{16});
  SequenceId a = small.addSequence(), b = small.addSequence();
  small.prefill(a, toyTokens(1, 9));
  std::vector<int32_t> tokens = toyTokens(2, 8);
  EXPECT_NE(errorOf([&] { small.prefill(b, tokens); }).find("cache is full"), std::string::npos);
  EXPECT_EQ(small.length(b), 0u);
  small.removeSequence(a);
  expectRow(small.prefill(b, tokens).row(0), tokens, 7);
  EXPECT_EQ(small.cacheBytesUsed(), 2u * kToyPage * kToyHidden * 4 * 2 * kToyLayers);
  EXPECT_EQ(small.cacheBytesReserved(), 4u * kToyPage * kToyHidden * 4 * 2 * kToyLayers);
}

// Test: a program whose smallest step is larger than what is left gets padding rows.
TEST(SessionPrograms, PaddedToTheSmallestStep) {
  TempFolder folder;
  plan::PlanT plan = toyPlan(folder);
  plan.programs.erase(plan.programs.begin());
  plan.programs[0]->min_rows = 6;
  Session session(Model::load(writeToyPlan(folder, plan)));
  SequenceId sequence = session.addSequence();
  std::vector<int32_t> tokens = {5, 6, 7, 8, 9, 10, 11};
  for (size_t t = 0; t < tokens.size(); ++t) {
    std::span<const float> row = session.decode(sequence, tokens[t]);
    EXPECT_EQ(row[kToyRowsColumn], 8);
    EXPECT_EQ(row[kToyPositionColumn], float(t));
  }
}

// Test: where programs of both kinds take a number of rows, decode has the steps of one token for each sequence, and
// prompts the other one; where there is none for prompts, decode has them too.
TEST(SessionPrograms, DecodeBesidePrefill) {
  TempFolder folder;
  plan::PlanT plan = toyPlan(folder);
  plan.programs[0]->max_rows = kToyMaxBatch;
  plan.programs[0]->arena_bytes = 64 + kToyMaxBatch * kToyHidden * 4;
  plan.programs[1]->row_align = 1;
  auto tagOf = [&](size_t prompts, size_t tokens) {
    Session session(Model::load(writeToyPlan(folder, plan)));
    std::vector<int32_t> ids = {5, 6, 7};
    std::vector<SequenceTokens> batch;
    for (size_t i = 0; i < prompts; ++i)
      batch.push_back({session.addSequence(), std::span(ids).first(tokens), LogitsMode::Last});
    return session.step(batch).row(0)[kToyTagColumn];
  };
  EXPECT_EQ(tagOf(1, 1), kToyDecodeTag);
  EXPECT_EQ(tagOf(3, 1), kToyDecodeTag);
  EXPECT_EQ(tagOf(1, 3), kToyPrefillTag);
  plan.programs[1]->min_rows = 4;
  EXPECT_EQ(tagOf(1, 3), kToyDecodeTag);
  EXPECT_EQ(tagOf(2, 2), kToyPrefillTag);
  // Padding to groups does not make more tokens of them.
  plan.programs[1]->row_align = kToyRowAlign;
  EXPECT_EQ(tagOf(1, 3), kToyDecodeTag);
}

TEST(ModelLoad, MissingEntry) {
  TempFolder folder;
  plan::PlanT plan = toyPlan(folder);
  plan.kernels[0]->entries[0]->symbol = "toy_nothing";
  std::string path = writeToyPlan(folder, plan);
  EXPECT_NE(errorOf([&] { Model::load(path); }).find("its entry toy_nothing is not in the plan's code"),
            std::string::npos);
}

TEST(ModelLoad, Properties) {
  TempFolder folder;
  auto model = Model::load(writeToyPlan(folder, toyPlan(folder)));
  EXPECT_EQ(model->vocabSize(), uint32_t(kToyVocab));
  EXPECT_EQ(model->maxSequenceLength(), uint32_t(kToyMaxSeq));
  EXPECT_EQ(model->maxChunkRows(), uint32_t(kToyMaxRows));
  EXPECT_TRUE(model->isEos(2));
  EXPECT_FALSE(model->isEos(3));
}

// Test: each thread's parts of the launches lie one behind the other within the observed runs, and no thread begins a
// launch before all have ended the one in front; what a launch has no rows for is left out; the sequences stay as they
// were.
TEST_P(SessionTest, Profile) {
  SequenceId first = session.addSequence(), second = session.addSequence();
  session.prefill(first, toyTokens(1, 6));
  session.prefill(second, toyTokens(2, 3));
  std::vector<int32_t> tokens = toyTokens(3, 4);
  SequenceTokens parts[] = {{first, {tokens.data(), 1}, LogitsMode::Last}, {second, tokens, LogitsMode::None}};
  StepTimes times = session.profile(parts, {7});
  ASSERT_EQ(times.launches.size(), size_t(2 + 2 * kToyLayers));
  ASSERT_EQ(times.whole.size(), 7u);
  ASSERT_EQ(times.observed.size(), 7u);
  EXPECT_TRUE(times.onThreads);
  EXPECT_TRUE(times.apart.empty());
  EXPECT_EQ(times.tracks, session.model().device().threads());
  for (size_t run = 0; run < 7; ++run) {
    EXPECT_GT(times.whole[run], 0);
    double before = 0;
    for (const LaunchTime &time : times.launches) {
      ASSERT_EQ(time.spans.size(), 7 * times.tracks);
      double last = before;
      for (size_t track = 0; track < times.tracks; ++track) {
        const TrackSpan &span = time.spans[run * times.tracks + track];
        EXPECT_GE(span.begin, before);
        EXPECT_GE(span.end, span.begin);
        last = std::max(last, span.end);
      }
      before = last;
    }
    EXPECT_LE(before, times.observed[run]);
  }
  EXPECT_EQ(times.launches[3].location, "layers.1");
  EXPECT_EQ(times.launches[3].place, "layers.{}");
  ASSERT_EQ(times.rows.sequences.size(), 2u);
  EXPECT_EQ(times.rows.sequences[0].position, 6u);
  EXPECT_EQ(times.rows.sequences[0].count, 1u);
  EXPECT_EQ(times.rows.sequences[1].position, 3u);
  EXPECT_EQ(times.rows.sequences[1].count, 4u);
  EXPECT_EQ(times.rows.outputs, 1u);
  EXPECT_EQ(session.length(first), 6u);
  EXPECT_EQ(session.length(second), 3u);

  parts[0].logits = LogitsMode::None;
  times = session.profile(parts, {1});
  ASSERT_EQ(times.launches.size(), size_t(1 + 2 * kToyLayers));
  EXPECT_EQ(times.launches.back().entry, "toy_mix");
}
