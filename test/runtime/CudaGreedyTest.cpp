//===- CudaGreedyTest.cpp: tokens chosen on the device -----------------------------------===//

#include "runtime/core/Session.h"
#include "runtime/text/Generate.h"
#include "test/runtime/FakeCudaTest.h"

#include <cmath>
#include <limits>

using namespace quipu;
using namespace quipu::test;

namespace {

const std::vector<int32_t> kPrompt = {3, 9, 4, 17, 8};

class CudaGreedyTest : public FakeCudaTest {
protected:
  CudaGreedyTest() : model(load()) {}

  /// Tokens chosen by the same model on the CPU, one step at a time.
  std::vector<int32_t> expected(const std::vector<int32_t> &prompt, size_t count) {
    ModelOptions options;
    options.device = "cpu";
    plan::PlanT plan = toyPlan(folder);
    // Decode and prefill report their names in the logits: as on the device.
    Session session(Model::load(writeToyPlan(folder, plan, "cpu.plan"), options));
    SequenceId sequence = session.addSequence();
    SequenceTokens part = {sequence, prompt, LogitsMode::Last};
    std::vector<int32_t> tokens = session.choose({&part, 1});
    EXPECT_FALSE(session.choosesOnDevice());
    NextToken next = {sequence, tokens[0]};
    session.greedy({&next, 1}, uint32_t(count - 1), [&](std::span<const int32_t> chosen) {
      tokens.push_back(chosen[0]);
      return true;
    });
    return tokens;
  }

  std::vector<int32_t> generate(Session &session, const GenerateOptions &options) {
    std::vector<int32_t> tokens;
    summary = Generator(session, nullptr).generate(kPrompt, options, [&](int32_t token, std::string_view) {
      tokens.push_back(token);
      return true;
    });
    return tokens;
  }

  std::shared_ptr<const Model> model;
  GenerateSummary summary;
};

GenerateOptions greedyOptions(uint32_t maxTokens) {
  GenerateOptions options;
  options.sampling.temperature = 0;
  options.ignoreEos = true;
  options.maxTokens = maxTokens;
  return options;
}

} // namespace

// Test: chosen on the device or on the host, the tokens are the same, and no logits leave the device.
TEST_F(CudaGreedyTest, SameAsOnTheHost) {
  Session session(model);
  ASSERT_TRUE(session.choosesOnDevice());
  EXPECT_EQ(generate(session, greedyOptions(12)), expected(kPrompt, 12));
  EXPECT_EQ(fake.copiesToHost, 0u);
  EXPECT_EQ(summary.decodeSteps, 11u);
  EXPECT_EQ(summary.reason, StopReason::MaxTokens);
  // Nothing ran beyond what was asked for.
  size_t steps = 0;
  for (const FakeLaunch &launch : fake.launches)
    steps += launch.symbol == "toy_embed";
  EXPECT_EQ(steps, 12u);
  EXPECT_EQ(fake.graphsRecorded, 1);
  EXPECT_EQ(fake.graphLaunches, 10);
}

// Test: the callback sees each step's tokens in order; after a stop the sequence holds what was accepted, and the
// pages of the steps that had run ahead are free again.
TEST_F(CudaGreedyTest, StopForgetsWhatRanAhead) {
  std::vector<int32_t> tokens = expected(kPrompt, 20);
  for (uint32_t stop : {1u, 2u, 5u, 9u}) {
    Session session(model);
    SequenceId sequence = session.addSequence();
    session.prefill(sequence, kPrompt);
    NextToken next = {sequence, tokens[0]};
    uint32_t calls = 0;
    session.greedy({&next, 1}, 18, [&](std::span<const int32_t> chosen) {
      ++calls;
      EXPECT_EQ(chosen.size(), 1u);
      EXPECT_EQ(chosen[0], tokens[calls]);
      return calls < stop;
    });
    EXPECT_EQ(calls, stop);
    EXPECT_EQ(session.length(sequence), kPrompt.size() + stop);
    uint64_t pages = (kPrompt.size() + stop + kToyPage - 1) / kToyPage;
    EXPECT_EQ(session.cacheBytesUsed(), pages * kToyPage * kToyHidden * 4 * 2 * kToyLayers);
    // And goes on from there.
    next.token = tokens[stop];
    session.greedy({&next, 1}, 3, [&](std::span<const int32_t> chosen) {
      EXPECT_EQ(chosen[0], tokens[++calls]);
      return true;
    });
    EXPECT_EQ(calls, stop + 3);
  }
}

TEST_F(CudaGreedyTest, CallbackThrows) {
  Session session(model);
  SequenceId sequence = session.addSequence();
  session.prefill(sequence, kPrompt);
  NextToken next = {sequence, 1};
  EXPECT_THROW(
      session.greedy({&next, 1}, 10, [](std::span<const int32_t>) -> bool { throw std::runtime_error("stop"); }),
      std::runtime_error);
  EXPECT_EQ(session.length(sequence), kPrompt.size() + 1);
}

// Test: several sequences, of different lengths, choose together.
TEST_F(CudaGreedyTest, Batch) {
  Session session(model);
  std::vector<std::vector<int32_t>> prompts = {{3, 9, 4}, {1, 2, 3, 4, 5, 6, 7}, {30}};
  std::vector<SequenceTokens> batch;
  for (const std::vector<int32_t> &prompt : prompts)
    batch.push_back({session.addSequence(), prompt, LogitsMode::None});
  std::vector<int32_t> first = session.choose(batch);
  ASSERT_EQ(first.size(), 3u);
  // Column kToyRowColumn reports the row: only the first prompt's choice can be compared with a run by itself.
  std::vector<NextToken> next;
  std::vector<std::vector<int32_t>> chosen(3);
  for (size_t i = 0; i < 3; ++i)
    next.push_back({batch[i].sequence, first[i]});
  session.greedy(next, 10, [&](std::span<const int32_t> tokens) {
    for (size_t i = 0; i < 3; ++i)
      chosen[i].push_back(tokens[i]);
    return true;
  });
  for (size_t i = 0; i < 3; ++i)
    EXPECT_EQ(session.length(batch[i].sequence), prompts[i].size() + 10);

  // The same with the host between the steps.
  Session slow(model);
  for (SequenceTokens &part : batch) {
    part.sequence = slow.addSequence();
    part.logits = LogitsMode::None;
  }
  slow.step(batch);
  std::vector<int32_t> tokens = first;
  for (size_t step = 0; step < 10; ++step) {
    for (size_t i = 0; i < 3; ++i)
      batch[i] = {batch[i].sequence, {&tokens[i], 1}, LogitsMode::Last};
    std::vector<int32_t> following = slow.choose(batch);
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(following[i], chosen[i][step]) << "sequence " << i << ", step " << step;
    tokens = following;
  }
}

// Test: an EOS in the middle ends the text; the sequence continues as if nothing had run ahead.
TEST_F(CudaGreedyTest, Eos) {
  std::vector<int32_t> tokens = expected(kPrompt, 12);
  size_t end = 2;
  while (std::find(tokens.begin(), tokens.begin() + ptrdiff_t(end), tokens[end]) != tokens.begin() + ptrdiff_t(end))
    ASSERT_LT(++end, tokens.size());
  auto plan = cudaPlan([&](plan::PlanT &plan) { plan.config->eos_token_ids = {tokens[end]}; });
  Session session(Model::load(plan));
  GenerateOptions options = greedyOptions(0);
  options.ignoreEos = false;
  SequenceId sequence = session.addSequence();
  std::vector<int32_t> produced;
  auto collect = [&](int32_t token, std::string_view) {
    produced.push_back(token);
    return true;
  };
  GenerateSummary summary = Generator(session, nullptr).continueSequence(sequence, kPrompt, options, collect);
  EXPECT_EQ(summary.reason, StopReason::Eos);
  EXPECT_EQ(produced, std::vector<int32_t>(tokens.begin(), tokens.begin() + ptrdiff_t(end)));
  EXPECT_EQ(session.length(sequence), kPrompt.size() + end);
}

// Test: the context ends the text, without a step beyond it.
TEST_F(CudaGreedyTest, ContextFull) {
  Session session(model);
  std::vector<int32_t> tokens = generate(session, greedyOptions(0));
  EXPECT_EQ(summary.reason, StopReason::ContextFull);
  EXPECT_EQ(tokens.size(), size_t(kToyMaxSeq) - kPrompt.size() + 1);
  SequenceId sequence = session.addSequence();
  session.prefill(sequence, kPrompt);
  NextToken next = {sequence, 1};
  expectHas(errorOf([&] { session.greedy({&next, 1}, 26, [](auto) { return true; }); }), "26 more tokens after 5");
}

// Test: a cache that fills up gives the tokens that fit, then says so.
TEST_F(CudaGreedyTest, CacheFull) {
  SessionOptions options;
  options.cacheTokens = 12;
  Session session(model, options);
  SequenceId sequence = session.addSequence();
  session.prefill(sequence, kPrompt);
  NextToken next = {sequence, 1};
  size_t calls = 0;
  std::string text = errorOf([&] {
    session.greedy({&next, 1}, 20, [&](std::span<const int32_t>) {
      ++calls;
      return true;
    });
  });
  expectHas(text, "cache is full");
  EXPECT_EQ(calls, 12 - kPrompt.size());
  EXPECT_EQ(session.length(sequence), 12u);
}

// Test: one logit that is NaN or infinite ends the text with an error that says where and how many, whichever way
// tokens are chosen: at once, and in steps that run ahead of the host.
TEST_F(CudaGreedyTest, LogitsThatAreNoNumbers) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (float spoiled : {std::nanf(""), infinity, -infinity}) {
    fake.spoiled = spoiled;
    std::string vocab = std::to_string(kToyVocab);
    std::string count =
        "1 of " + vocab + (std::isnan(spoiled) ? " is NaN" : " is infinite") + " (the first is of token 5)";
    for (float temperature : {0.0f, 1.0f}) {
      SCOPED_TRACE(testing::Message() << spoiled << ", temperature " << temperature);
      GenerateOptions options = greedyOptions(12);
      options.sampling.temperature = temperature;
      size_t last = kPrompt.size() - 1;
      for (int launch : {0, 1, 7}) {
        fake.spoilsFrom = launch;
        fake.logitsLaunches = 0;
        Session session(model);
        std::vector<int32_t> tokens;
        std::string text = errorOf([&] {
          Generator(session, nullptr).generate(kPrompt, options, [&](int32_t token, std::string_view) {
            tokens.push_back(token);
            return true;
          });
        });
        expectHas(text, "position " + std::to_string(last + size_t(launch)) + " are no numbers");
        expectHas(text, count);
        // What came before stays.
        EXPECT_EQ(tokens.size(), size_t(launch));
      }
    }
  }
  // Of several sequences, the message says which; what was chosen before is in the sequences.
  fake.spoilsFrom = 2;
  fake.logitsLaunches = 0;
  Session session(model);
  std::vector<NextToken> batch = {{session.addSequence(), 1}, {session.addSequence(), 2}};
  size_t steps = 0;
  std::string text = errorOf([&] {
    session.greedy(batch, 6, [&](std::span<const int32_t>) {
      ++steps;
      return true;
    });
  });
  expectHas(text, "position 2 of sequence 0 ");
  expectHas(text, "and 1 more position has such");
  EXPECT_EQ(steps, 2u);
  EXPECT_EQ(session.length(batch[1].sequence), 2u);
  // Afterwards the session goes on.
  fake.spoilsFrom = -1;
  EXPECT_NO_THROW(session.greedy(batch, 6, [](auto) { return true; }));
}

// Test: where numbers may have left the range of f16, the message says what to do about it.
TEST_F(CudaGreedyTest, AdviceForHalf) {
  fake.spoilsFrom = 0;
  fake.spoiled = std::nanf("");
  Session session(Model::load(cudaPlan([](plan::PlanT &plan) { plan.config->compute_dtype = plan::DType::f16; })));
  expectHas(errorOf([&] { generate(session, greedyOptions(2)); }), "--dtype f32 or bf16");
}

// Test: where the device cannot choose, or not by these options, logits come to the host as ever.
TEST_F(CudaGreedyTest, OtherwiseOnTheHost) {
  {
    Session session(model);
    GenerateOptions options = greedyOptions(4);
    options.sampling.temperature = 1;
    options.sampling.repeatPenalty = 1.1f;
    options.sampling.repeatWindow = kSampleWindow + 1;
    EXPECT_EQ(generate(session, options).size(), 4u);
    EXPECT_EQ(fake.copiesToHost, 4u);
  }
  fake.services = false;
  Session session(load());
  EXPECT_FALSE(session.choosesOnDevice());
  EXPECT_EQ(generate(session, greedyOptions(6)), expected(kPrompt, 6));
}
