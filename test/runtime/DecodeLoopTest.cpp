//===- DecodeLoopTest.cpp: one loop for all devices and batches --------------------------===//

#include "runtime/core/Session.h"
#include "runtime/text/Sampler.h"
#include "test/runtime/ToyPlan.h"

using namespace quipu;
using namespace quipu::test;

namespace {

constexpr size_t kSteps = 10;

/// Samplers of three sequences: a most likely token, a draw, and a draw with a penalty that no device looks back as far
/// for.
std::vector<Sampler> threeSamplers() {
  std::vector<Sampler> samplers;
  for (uint64_t i = 0; i < 3; ++i) {
    SamplingOptions options;
    options.temperature = i == 0 ? 0 : 20;
    options.repeatPenalty = i == 2 ? 3 : 1;
    options.repeatWindow = kSampleWindow + 1;
    options.seed = i;
    samplers.emplace_back(options);
  }
  return samplers;
}

std::vector<TokenSampling> rulesOf(std::vector<Sampler> &samplers) {
  std::vector<TokenSampling> rules;
  for (Sampler &sampler : samplers)
    rules.push_back(sampler.rule());
  return rules;
}

} // namespace

// Test: whether all sequences fit into one launch (with padding rows) or take several, whether tokens are drawn or the
// most likely ones, the loop gives what steps give whose logits are sampled one by one.
TEST(DecodeLoop, SameAsStepByStep) {
  for (uint32_t maxRows : {12u, 8u}) {
    SCOPED_TRACE(maxRows);
    TempFolder folder;
    plan::PlanT plan = toyPlan(folder);
    plan.programs[1]->max_rows = maxRows;
    std::shared_ptr<const Model> model = Model::load(writeToyPlan(folder, plan));
    Session session(model), slow(model);
    std::vector<Sampler> samplers = threeSamplers(), slowSamplers = threeSamplers();
    std::vector<NextToken> next;
    std::vector<int32_t> tokens = {3, 1, 30};
    std::vector<SequenceTokens> parts;
    for (size_t i = 0; i < 3; ++i) {
      next.push_back({session.addSequence(), tokens[i]});
      parts.push_back({slow.addSequence(), {&tokens[i], 1}, LogitsMode::Last});
    }
    size_t calls = 0;
    session.draw(next, rulesOf(samplers), kSteps, [&](std::span<const int32_t> drawn) {
      LogitsRows rows = slow.step(parts);
      for (size_t i = 0; i < 3; ++i) {
        tokens[i] = slowSamplers[i].sample(rows.row(i));
        slowSamplers[i].accept(tokens[i]);
        EXPECT_EQ(drawn[i], tokens[i]) << "step " << calls << ", sequence " << i;
      }
      return ++calls < kSteps;
    });
    EXPECT_EQ(calls, kSteps);
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(session.length(next[i].sequence), kSteps);

    // The most likely ones.
    for (size_t i = 0; i < 3; ++i)
      next[i].token = tokens[i];
    session.greedy(next, kSteps, [&](std::span<const int32_t> chosen) {
      EXPECT_EQ(std::vector<int32_t>(chosen.begin(), chosen.end()), slow.choose(parts));
      tokens.assign(chosen.begin(), chosen.end());
      return true;
    });
    EXPECT_EQ(session.length(next[0].sequence), 2 * kSteps);
  }
}

// Test: where a kernel chooses tokens, the loop takes these, and draws from the logits beside them.
TEST(DecodeLoop, TakesTheKernelsChoice) {
  TempFolder folder;
  plan::PlanT plan = toyPlan(folder);
  chooseInKernel(plan);
  std::shared_ptr<const Model> model = Model::load(writeToyPlan(folder, plan));
  Session session(model), slow(model);
  NextToken next = {session.addSequence(), 3};
  SequenceId sequence = slow.addSequence();
  std::vector<int32_t> given;
  session.greedy({&next, 1}, 5, [&](std::span<const int32_t> chosen) {
    given.push_back(chosen[0]);
    return true;
  });
  std::vector<int32_t> expected;
  for (int32_t position = 0; position < 5; ++position)
    expected.push_back(toyChoice(position));
  EXPECT_EQ(given, expected);
  // The tokens are the inputs of the steps behind them.
  std::span<const float> logits = slow.decode(sequence, 3);
  for (int32_t token : given)
    logits = slow.decode(sequence, token);
  std::vector<float> wanted(logits.begin(), logits.end());
  std::span<const float> found = session.decode(next.sequence, given.back());
  EXPECT_EQ(std::vector<float>(found.begin(), found.end()), wanted);

  std::vector<Sampler> samplers = threeSamplers(), slowSamplers = threeSamplers();
  Sampler &sampler = samplers[1], &slowSampler = slowSamplers[1];
  next.token = 5;
  TokenSampling rule = sampler.rule();
  session.draw({&next, 1}, {&rule, 1}, 3, [&](std::span<const int32_t> drawn) {
    int32_t token = slowSampler.sample(slow.decode(sequence, next.token));
    slowSampler.accept(token);
    EXPECT_EQ(drawn[0], token);
    next.token = token;
    return true;
  });
}

// Test: on the CPU too, a callback that stops leaves the sequence with what it was given, and an error that it throws
// passes through.
TEST(DecodeLoop, StopsWhereTheCallbackSays) {
  TempFolder folder;
  Session session(Model::load(writeToyPlan(folder, toyPlan(folder))));
  NextToken next = {session.addSequence(), 3};
  size_t calls = 0;
  session.greedy({&next, 1}, 9, [&](std::span<const int32_t>) { return ++calls < 4; });
  EXPECT_EQ(calls, 4u);
  EXPECT_EQ(session.length(next.sequence), 4u);
  auto stop = [](std::span<const int32_t>) -> bool { throw std::runtime_error("stop"); };
  EXPECT_THROW(session.greedy({&next, 1}, 9, stop), std::runtime_error);
  EXPECT_EQ(session.length(next.sequence), 5u);
}
