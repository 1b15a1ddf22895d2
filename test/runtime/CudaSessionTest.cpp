//===- CudaSessionTest.cpp: what runs on a GPU is what runs on the CPU -------------------===//

#include "runtime/core/Session.h"
#include "test/runtime/FakeCudaTest.h"
#include "test/runtime/ToyTokens.h"

#include <algorithm>
#include <cmath>

using namespace quipu;
using namespace quipu::test;

namespace {

class CudaSessionTest : public FakeCudaTest {
protected:
  /// Compares a row of logits with position `t` of the reference.
  static void expectRow(std::span<const float> row, const std::vector<int32_t> &tokens, size_t t) {
    std::vector<float> reference = toyReference(toyWeights(), tokens);
    for (size_t v = 0; v < size_t(kToyRowsColumn); ++v) {
      float expected = reference[t * size_t(kToyVocab) + v];
      ASSERT_NEAR(row[v], expected, 1e-4f * (1 + std::fabs(expected))) << "position " << t << ", column " << v;
    }
    ASSERT_EQ(row[kToyPositionColumn], float(t));
  }

  std::vector<FakeLaunch> launchesOf(const std::function<void()> &step) {
    fake.launches.clear();
    step();
    return fake.launches;
  }
};

} // namespace

// Test: prefill whole and in chunks, decode, and sequences side by side; every launch waits for the last one's copies.
TEST_F(CudaSessionTest, Logits) {
  Session session(load());
  std::vector<int32_t> tokens = toyTokens(1, 25), other = toyTokens(2, 9);
  SequenceId a = session.addSequence(), b = session.addSequence();
  LogitsRows rows = session.prefill(a, std::span(tokens).first(20), LogitsMode::All);
  ASSERT_EQ(rows.rows, 20u);
  for (size_t t = 0; t < 20; ++t)
    expectRow(rows.row(t), tokens, t);
  SequenceTokens batch[] = {{b, std::span(other).first(5), LogitsMode::Last},
                            {a, std::span(tokens).subspan(20, 1), LogitsMode::Last}};
  rows = session.step(batch);
  ASSERT_EQ(rows.rows, 2u);
  expectRow(rows.row(0), other, 4);
  expectRow(rows.row(1), tokens, 20);
  for (size_t i = 0; i < 4; ++i) {
    SequenceTokens pair[] = {{a, std::span(tokens).subspan(21 + i, 1), LogitsMode::Last},
                             {b, std::span(other).subspan(5 + i, 1), LogitsMode::Last}};
    rows = session.step(pair);
    expectRow(rows.row(0), tokens, 21 + i);
    expectRow(rows.row(1), other, 5 + i);
  }
}

// Test: a page that two sequences have is copied on the GPU before one of them writes to it, in every layer.
TEST_F(CudaSessionTest, CopiesOnWrite) {
  Session session(load());
  std::vector<int32_t> tokens = toyTokens(3, 14);
  SequenceId a = session.addSequence();
  session.prefill(a, std::span(tokens).first(6));
  SequenceId b = session.fork(a);
  std::vector<int32_t> other(tokens.begin(), tokens.begin() + 6);
  for (size_t t = 6; t < 10; ++t) {
    other.push_back(int32_t(20 - t));
    expectRow(session.decode(b, other.back()), other, t);
    expectRow(session.decode(a, tokens[t]), tokens, t);
  }
}

// Test: grids by rows, persistent entries by what runs at once, threads and shared memory as the plan says; all but
// the first launch are dependent.
TEST_F(CudaSessionTest, Launches) {
  Session session(load());
  SequenceId sequence = session.addSequence();
  std::vector<int32_t> tokens = toyTokens(1, 9);
  auto launches = launchesOf([&] { session.prefill(sequence, tokens); });
  ASSERT_EQ(launches.size(), size_t(2 + 2 * kToyLayers));
  EXPECT_EQ(launches[0].symbol, "toy_embed");
  EXPECT_EQ(launches[0].x, 1u);
  EXPECT_EQ(launches[0].y, 5u);
  EXPECT_EQ(launches[0].threads, 64u);
  EXPECT_EQ(launches[0].sharedBytes, 1024u);
  EXPECT_EQ(launches[0].tokens, 9);
  EXPECT_EQ(launches[0].outputs, 1);
  EXPECT_FALSE(launches[0].dependent);
  EXPECT_EQ(launches[1].symbol, "toy_append");
  EXPECT_EQ(launches[1].y, 9u);
  EXPECT_TRUE(launches[1].dependent);
  EXPECT_EQ(launches[2].symbol, "toy_mix");
  EXPECT_EQ(launches[2].x, 9u);
  EXPECT_EQ(launches[2].y, 1u);
  EXPECT_EQ(launches[2].sharedBytes, 100u * 1024);
  EXPECT_EQ(launches.back().y, 1u);
  // No rows wanted: the last kernel is left out.
  launches = launchesOf([&] { session.prefill(sequence, tokens, LogitsMode::None); });
  EXPECT_EQ(launches.size(), size_t(1 + 2 * kToyLayers));
}

// Test: probabilities come from the GPU, one number for each target and no logits; a launch without targets gives none.
TEST_F(CudaSessionTest, Scores) {
  Session session(Model::load(cudaPlan(addScorePrograms)));
  std::vector<int32_t> tokens = toyTokens(1, 25), targets = toyTokens(5, 25);
  std::replace(targets.begin(), targets.end(), kToyBadTarget, 3);
  std::fill_n(targets.begin(), 13, kNoTarget);
  SequenceTargets part = {session.addSequence(), tokens, targets};
  std::vector<std::pair<size_t, float>> found, expected;
  auto launches = launchesOf(
      [&] { session.score({&part, 1}, [&](size_t, size_t token, float score) { found.push_back({token, score}); }); });
  for (size_t t = 13; t < 25; ++t)
    expected.push_back({t, toyScore(int32_t(t), targets[t])});
  EXPECT_EQ(found, expected);
  // Of three launches the first, of 12 rows, wants nothing.
  std::vector<uint32_t> rows;
  for (const FakeLaunch &launch : launches) {
    EXPECT_EQ(launch.symbol.find("logits"), std::string::npos);
    if (launch.symbol == "toy_score")
      rows.push_back(launch.y);
  }
  EXPECT_EQ(rows, (std::vector<uint32_t>{11, 1}));
}

TEST_F(CudaSessionTest, PersistentBlocks) {
  fake.multiprocessors = 3;
  fake.blocksPerMultiprocessor = 2;
  Session session(load());
  auto launches = launchesOf([&] { session.prefill(session.addSequence(), toyTokens(1, 9)); });
  EXPECT_EQ(launches[2].x, 6u);
}

// Test: blocks of clusters are launched in whole clusters, as many as the driver finds room for at once.
TEST_F(CudaSessionTest, PersistentClusters) {
  auto withClusters = [](plan::PlanT &plan) {
    plan::EntryT &mix = *plan.kernels[1]->entries[1];
    mix.cluster = mix.grid->fixed = 2;
  };
  auto blocksOf9Rows = [&] {
    Session session(Model::load(cudaPlan(withClusters)));
    return launchesOf([&] { session.prefill(session.addSequence(), toyTokens(1, 9)); })[2].x;
  };
  EXPECT_EQ(blocksOf9Rows(), 8u);
  fake.activeClusters = 100;
  EXPECT_EQ(blocksOf9Rows(), 18u);
  fake.activeClusters = 0;
  expectHas(errorOf([&] { blocksOf9Rows(); }), "does not fit on a multiprocessor of Fake GPU");
}

// Test: shared memory is set apart for kernels that ask for it; for others the driver decides.
TEST_F(CudaSessionTest, PrefersShared) {
  Session session(Model::load(cudaPlan([](plan::PlanT &plan) { plan.kernels[1]->entries[1]->prefer_shared = true; })));
  auto launches = launchesOf([&] { session.prefill(session.addSequence(), toyTokens(1, 9)); });
  EXPECT_EQ(launches[2].sharedPercent, 100);
  EXPECT_EQ(launches[1].sharedPercent, -1);
}

TEST_F(CudaSessionTest, DoesNotFitOnMultiprocessor) {
  fake.blocksPerMultiprocessor = 0;
  expectHas(errorOf([&] { Session session(load()); }), "does not fit on a multiprocessor of Fake GPU");
  fake.blocksPerMultiprocessor = 2;
  fake.maxSharedBytes = 64 * 1024;
  expectHas(errorOf([&] { Session session(load()); }), "needs 102400 bytes of shared memory, Fake GPU has 65536");
}

// Test: code that cannot wait for the kernel in front is launched in plain order, on any GPU and with old drivers.
TEST_F(CudaSessionTest, DependentLaunchNeedsTheCode) {
  ModelOptions options;
  options.variant = "sm_80";
  fake.mixHasMap = false;
  {
    Session session(load(options));
    for (const FakeLaunch &launch : launchesOf([&] { session.prefill(session.addSequence(), toyTokens(1, 9)); }))
      EXPECT_FALSE(launch.dependent);
  }
  fake.driverVersion = 12020;
  fake.mixHasMap = true;
  reloadDriver();
  Session session(load());
  for (const FakeLaunch &launch : launchesOf([&] { session.prefill(session.addSequence(), toyTokens(1, 9)); }))
    EXPECT_FALSE(launch.dependent);
}

// Test: a decode step that comes again is a graph, one for each number of rows; prefill never.
TEST_F(CudaSessionTest, Graphs) {
  {
    Session session(load());
    SequenceId a = session.addSequence(), b = session.addSequence();
    auto replayed = [&](const std::function<void()> &step) {
      auto launches = launchesOf(step);
      for (const FakeLaunch &launch : launches)
        EXPECT_EQ(launch.replayed, launches.front().replayed);
      return launches.front().replayed;
    };
    for (int i = 0; i < 3; ++i)
      EXPECT_FALSE(replayed([&] { session.prefill(a, toyTokens(1, 5)); }));
    EXPECT_FALSE(replayed([&] { session.decode(a, 1); }));
    EXPECT_TRUE(replayed([&] { session.decode(a, 2); }));
    EXPECT_TRUE(replayed([&] { session.decode(b, 2); }));
    EXPECT_EQ(fake.graphsRecorded, 1);
    auto both = [&] {
      int32_t token = 3;
      SequenceTokens batch[] = {{a, {&token, 1}}, {b, {&token, 1}}};
      session.step(batch);
    };
    EXPECT_FALSE(replayed(both));
    EXPECT_TRUE(replayed(both));
    EXPECT_TRUE(replayed([&] { session.decode(a, 1); }));
    EXPECT_EQ(fake.graphsRecorded, 2);
    EXPECT_EQ(fake.graphLaunches, 4);
  }
  EXPECT_EQ(fake.graphsAlive, 0);
}

// Test: one copy to the device for a step's inputs, and one for the block table when it changed.
TEST_F(CudaSessionTest, Copies) {
  Session session(load());
  SequenceId sequence = session.addSequence();
  session.prefill(sequence, toyTokens(1, 5));
  fake.copiesToDevice = fake.copiesToHost = fake.bytesToHost = 0;
  session.decode(sequence, 1);
  EXPECT_EQ(fake.copiesToDevice, 1u);
  EXPECT_EQ(fake.copiesToHost, 1u);
  EXPECT_EQ(fake.bytesToHost, size_t(kToyVocab) * 4);
  session.decode(sequence, 1);
  session.decode(sequence, 1);
  EXPECT_EQ(fake.copiesToDevice, 3u);
  session.decode(sequence, 1); // position 8: a new page
  EXPECT_EQ(fake.copiesToDevice, 5u);
}

// Test: two sessions of a model, in turn.
TEST_F(CudaSessionTest, TwoSessions) {
  auto model = load();
  Session first(model), second(model);
  std::vector<int32_t> a = toyTokens(1, 12), b = toyTokens(2, 12);
  SequenceId inFirst = first.addSequence(), inSecond = second.addSequence();
  for (size_t t = 0; t < 12; ++t) {
    expectRow(first.decode(inFirst, a[t]), a, t);
    expectRow(second.decode(inSecond, b[t]), b, t);
  }
}

// Test: each launch takes a millisecond on the fake device, and the whole as much as all, also where launches may not
// overlap; events are in the recorded graph; the sequence stays as it was, and no graph is left.
TEST_F(CudaSessionTest, Profile) {
  Session session(load());
  SequenceId sequence = session.addSequence();
  session.prefill(sequence, toyTokens(1, 6));
  int32_t token = 5;
  SequenceTokens part = {sequence, {&token, 1}, LogitsMode::Last};
  int alive = fake.alive, graphs = fake.graphsAlive;
  StepTimes times = session.profile({&part, 1}, {3, /*counters=*/true});
  EXPECT_EQ(fake.alive, alive);
  // The step itself is recorded when it repeats.
  EXPECT_EQ(fake.graphsAlive, graphs + 1);
  EXPECT_EQ(fake.graphsRecorded, 3);
  ASSERT_EQ(times.launches.size(), size_t(2 + 2 * kToyLayers));
  EXPECT_EQ(times.launches[0].location, "embed");
  EXPECT_EQ(times.launches[3].location, "layers.1");
  EXPECT_EQ(times.launches[3].place, "layers.{}");
  EXPECT_EQ(times.launches[3].entry, "toy_append");
  EXPECT_EQ(times.launches[4].kernel, 1u);
  EXPECT_FALSE(times.onThreads);
  EXPECT_EQ(times.tracks, 1u);
  for (size_t i = 0; i < times.launches.size(); ++i) {
    ASSERT_EQ(times.launches[i].spans.size(), 3u);
    for (const TrackSpan &span : times.launches[i].spans) {
      EXPECT_NEAR(span.begin, double(i) / 1e3, 1e-9);
      EXPECT_NEAR(span.end, double(i + 1) / 1e3, 1e-9);
    }
  }
  std::vector<double> whole(3, float(2 + 2 * kToyLayers) / 1e3);
  EXPECT_EQ(times.whole, whole);
  EXPECT_EQ(times.apart, whole);
  EXPECT_EQ(times.observed, whole);
  EXPECT_FALSE(times.hasCounts);
  EXPECT_NE(times.countersProblem.find("ncu"), std::string::npos);
  ASSERT_EQ(times.rows.sequences.size(), 1u);
  EXPECT_EQ(times.rows.sequences[0].position, 6u);
  EXPECT_EQ(times.rows.sequences[0].count, 1u);
  EXPECT_EQ(times.rows.outputs, 1u);
  EXPECT_EQ(session.length(sequence), 6u);
  std::vector<int32_t> tokens = toyTokens(1, 6);
  tokens.push_back(token);
  expectRow(session.decode(sequence, token), tokens, 6);
}
