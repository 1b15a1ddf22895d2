//===- CudaSamplingTest.cpp: tokens drawn on the device ------------------------------------===//

#include "runtime/core/Session.h"
#include "runtime/text/Generate.h"
#include "test/runtime/FakeCudaTest.h"

#include <algorithm>
#include <set>

using namespace quipu;
using namespace quipu::test;

namespace {

const std::vector<int32_t> kPrompt = {3, 9, 4, 17, 8};

struct Generated {
  std::vector<int32_t> tokens;
  GenerateSummary summary;
  uint32_t length;
};

Generated generate(const std::shared_ptr<const Model> &model, const GenerateOptions &options) {
  Session session(model);
  SequenceId sequence = session.addSequence();
  Generated result;
  result.summary =
      Generator(session, nullptr).continueSequence(sequence, kPrompt, options, [&](int32_t token, std::string_view) {
        result.tokens.push_back(token);
        return true;
      });
  result.length = session.length(sequence);
  return result;
}

class CudaSamplingTest : public FakeCudaTest {
protected:
  CudaSamplingTest() {
    // Code without the kernels: the same logits, drawn from on the host. (On the CPU rows are padded, and the toy's
    // logits tell how many there were.)
    fake.services = false;
    onHost = load();
    fake.services = true;
    onDevice = load();
  }

  std::shared_ptr<const Model> onHost, onDevice;
};

GenerateOptions drawOptions(uint32_t maxTokens) {
  GenerateOptions options;
  // The toy model's logits are far apart.
  options.sampling.temperature = 20;
  options.ignoreEos = true;
  options.maxTokens = maxTokens;
  return options;
}

} // namespace

// Test: the same seed draws the same tokens on the device and on the host, whatever the options, and no logits leave
// the device.
TEST_F(CudaSamplingTest, SameAsOnTheHost) {
  struct {
    float temperature;
    uint32_t topK;
    float topP, minP, penalty;
    uint32_t window;
  } cases[] = {{20, 0, 1, 0, 1, 64},          {20, 5, 1, 0, 1, 64},   {50, 0, 0.8f, 0, 1, 64}, {50, 0, 1, 0.3f, 1, 64},
               {30, 7, 0.9f, 0.1f, 1.5f, 64}, {0, 0, 1, 0, 1.5f, 64}, {30, 0, 1, 0, 4, 3},     {30, 0, 1, 0, 4, 6},
               {30, 0, 1, 0, 4, 0},           {30, 0, 1, 0, 1, 5000}};
  std::set<std::vector<int32_t>> texts;
  for (const auto &each : cases) {
    for (uint64_t seed : {1, 2, 3}) {
      GenerateOptions options = drawOptions(16);
      options.sampling = {each.temperature, each.topK, each.topP, each.minP, each.penalty, each.window, seed};
      std::vector<int32_t> expected = generate(onHost, options).tokens;
      size_t copies = fake.copiesToHost;
      EXPECT_EQ(generate(onDevice, options).tokens, expected) << "case " << &each - cases << ", seed " << seed;
      EXPECT_EQ(fake.copiesToHost, copies);
      EXPECT_EQ(expected.size(), 16u);
      texts.insert(expected);
    }
  }
  EXPECT_GT(texts.size(), 10u);
  size_t draws = 0;
  for (const FakeLaunch &launch : fake.launches)
    draws += launch.symbol == "quipu_sample" && launch.threads == 1024 && launch.x == 1 && launch.y == 1;
  EXPECT_EQ(draws, std::size(cases) * 3 * 16);
}

// Test: an EOS ends the text as on the host, though steps behind it had begun.
TEST_F(CudaSamplingTest, Eos) {
  GenerateOptions options = drawOptions(0);
  std::vector<int32_t> tokens = generate(onHost, options).tokens;
  size_t end = 2;
  while (std::find(tokens.begin(), tokens.begin() + ptrdiff_t(end), tokens[end]) != tokens.begin() + ptrdiff_t(end))
    ASSERT_LT(++end, tokens.size());
  auto plan = cudaPlan([&](plan::PlanT &plan) { plan.config->eos_token_ids = {tokens[end]}; });
  options.ignoreEos = false;
  Generated result = generate(Model::load(plan), options);
  EXPECT_EQ(result.summary.reason, StopReason::Eos);
  EXPECT_EQ(result.tokens, std::vector<int32_t>(tokens.begin(), tokens.begin() + ptrdiff_t(end)));
  EXPECT_EQ(result.length, kPrompt.size() + end);
}

// Test: greedy steps and draws of one session are recorded apart.
TEST_F(CudaSamplingTest, BesideGreedy) {
  std::vector<std::vector<int32_t>> expected;
  for (float temperature : {0.0f, 20.0f}) {
    GenerateOptions options = drawOptions(8);
    options.sampling.temperature = temperature;
    expected.push_back(generate(onHost, options).tokens);
  }
  fake.graphsRecorded = 0;
  Session session(onDevice);
  Generator generator(session, nullptr);
  for (float temperature : {0.0f, 20.0f, 0.0f, 20.0f}) {
    GenerateOptions options = drawOptions(8);
    options.sampling.temperature = temperature;
    std::vector<int32_t> tokens;
    generator.generate(kPrompt, options, [&](int32_t token, std::string_view) {
      tokens.push_back(token);
      return true;
    });
    EXPECT_EQ(tokens, expected[temperature > 0]);
  }
  EXPECT_EQ(fake.graphsRecorded, 2);
}

// Test: several sequences draw together, each by its own rule and with its own numbers.
TEST_F(CudaSamplingTest, Batch) {
  Session session(onDevice);
  std::vector<std::vector<int32_t>> prompts = {{3, 9, 4}, {1, 2, 3, 4, 5, 6, 7}};
  std::vector<Sampler> samplers, hostSamplers;
  std::vector<SequenceTokens> batch;
  for (size_t i = 0; i < 2; ++i) {
    SamplingOptions options = drawOptions(0).sampling;
    options.seed = i;
    options.topK = i ? 4 : 0;
    options.repeatPenalty = i ? 1 : 3;
    samplers.emplace_back(options);
    for (int32_t token : prompts[i])
      samplers[i].accept(token);
    batch.push_back({session.addSequence(), prompts[i], LogitsMode::None});
  }
  hostSamplers = samplers;
  auto rules = [&] { return std::vector<TokenSampling>{samplers[0].rule(), samplers[1].rule()}; };
  std::vector<std::vector<int32_t>> steps = {session.draw(batch, rules())};
  std::vector<NextToken> next;
  for (size_t i = 0; i < 2; ++i) {
    samplers[i].accept(steps[0][i]);
    next.push_back({batch[i].sequence, steps[0][i]});
  }
  session.draw(next, rules(), 10, [&](std::span<const int32_t> tokens) {
    steps.emplace_back(tokens.begin(), tokens.end());
    return true;
  });
  expectHas(errorOf([&] { session.draw(batch, {}); }), "2 sequences");

  // The same with the host between the steps.
  Session slow(onHost);
  for (SequenceTokens &part : batch)
    part = {slow.addSequence(), part.tokens, LogitsMode::Last};
  std::vector<int32_t> tokens(2);
  for (const std::vector<int32_t> &drawn : steps) {
    LogitsRows rows = slow.step(batch);
    for (size_t i = 0; i < 2; ++i) {
      tokens[i] = hostSamplers[i].sample(rows.row(i));
      hostSamplers[i].accept(tokens[i]);
      batch[i].tokens = {&tokens[i], 1};
    }
    EXPECT_EQ(tokens, drawn);
  }
}
