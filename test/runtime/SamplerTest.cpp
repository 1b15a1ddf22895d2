//===- SamplerTest.cpp -------------------------------------------------------------------===//

#include "runtime/text/Sampler.h"
#include "test/runtime/ToyPlan.h"

#include <cmath>
#include <limits>
#include <map>

using namespace quipu;
using namespace quipu::test;

static const float kInfinity = std::numeric_limits<float>::infinity();
static const float kNan = std::numeric_limits<float>::quiet_NaN();

static SamplingOptions options(float temperature) {
  SamplingOptions result;
  result.temperature = temperature;
  return result;
}

/// How often each token is drawn, as a fraction.
static std::map<int32_t, double> frequencies(const SamplingOptions &options, const std::vector<float> &logits,
                                             int draws = 200000) {
  Sampler sampler(options);
  std::map<int32_t, double> counts;
  for (int i = 0; i < draws; ++i)
    counts[sampler.sample(logits)] += 1.0 / draws;
  return counts;
}

TEST(Sampler, Greedy) {
  Sampler sampler(options(0));
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 5, 3}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, 5, 5}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{kNan, -3, kNan, -2}), 3);
  EXPECT_EQ(sampler.sample(std::vector<float>{1, kInfinity, 2}), 1);
  EXPECT_NE(errorOf([&] { sampler.sample(std::vector<float>{kNan, -kInfinity}); }).find("every logit"),
            std::string::npos);
}

// Test: without cuts the draw follows softmax(logits / temperature).
TEST(Sampler, Temperature) {
  std::vector<float> logits = {0, 1, 2, -kInfinity, kNan, 0.5f};
  for (float temperature : {0.5f, 1.0f, 3.0f}) {
    auto counts = frequencies(options(temperature), logits);
    double total = 0;
    for (float value : {0.0f, 1.0f, 2.0f, 0.5f})
      total += std::exp(value / temperature);
    EXPECT_NEAR(counts[0], 1 / total, 0.005);
    EXPECT_NEAR(counts[2], std::exp(2 / temperature) / total, 0.005);
    EXPECT_NEAR(counts[5], std::exp(0.5 / temperature) / total, 0.005);
    EXPECT_EQ(counts.count(3), 0u);
    EXPECT_EQ(counts.count(4), 0u);
  }
}

// Test: K tokens stay, of equals those with lower ids, in their proportions.
TEST(Sampler, TopK) {
  SamplingOptions o = options(1);
  o.topK = 3;
  auto counts = frequencies(o, {1, 2, 0, 1, 1});
  EXPECT_EQ(counts.size(), 3u);
  EXPECT_NEAR(counts[1], std::exp(1) / (2 + std::exp(1)), 0.005);
  EXPECT_NEAR(counts[0], counts[3], 0.005);
  o.topK = 1;
  EXPECT_EQ(frequencies(o, {1, 2, 0}, 100).size(), 1u);
}

// Test: the smallest set that reaches P: 0.5, 0.3 of 0.5, 0.3, 0.15, 0.05.
TEST(Sampler, TopP) {
  std::vector<float> logits = {std::log(0.15f), std::log(0.5f), std::log(0.05f), std::log(0.3f)};
  SamplingOptions o = options(1);
  o.topP = 0.7f;
  auto counts = frequencies(o, logits);
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_NEAR(counts[1], 0.625, 0.005);
  o.topP = 0.9f;
  EXPECT_EQ(frequencies(o, logits).size(), 3u);
  o.topP = 0;
  EXPECT_EQ(frequencies(o, logits, 100).size(), 1u);
  o.topP = 1;
  EXPECT_EQ(frequencies(o, logits).size(), 4u);
}

TEST(Sampler, MinP) {
  std::vector<float> logits = {std::log(0.15f), std::log(0.5f), std::log(0.05f), std::log(0.3f)};
  SamplingOptions o = options(1);
  o.minP = 0.2f;
  EXPECT_EQ(frequencies(o, logits).size(), 3u);
  o.minP = 1;
  EXPECT_EQ(frequencies(o, logits, 100).size(), 1u);
}

// Test: positive logits shrink, negative ones grow; a token counts once, and only within the window.
TEST(Sampler, RepeatPenalty) {
  SamplingOptions o = options(0);
  o.repeatPenalty = 2;
  o.repeatWindow = 3;
  Sampler sampler(o);
  std::vector<float> logits = {4, 3, -1, 2.5f};
  EXPECT_EQ(sampler.sample(logits), 0);
  sampler.accept(0);
  sampler.accept(0);
  EXPECT_EQ(sampler.sample(logits), 1);
  sampler.accept(1);
  // 4/2, 3/2, -1, 2.5
  EXPECT_EQ(sampler.sample(logits), 3);
  sampler.accept(3);
  // 4/2, 3/2, -1, 2.5/2
  EXPECT_EQ(sampler.sample(logits), 0);
  sampler.accept(2);
  // The window holds 1, 3, 2: negative ones double to -2, -2.2 and -2.1.
  EXPECT_EQ(sampler.sample(std::vector<float>{-2.05f, -1, -1.1f, -1.05f}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{-1.95f, -1, -1.1f, -1.05f}), 0);
}

// Test: the same seed gives the same tokens; these come from this version and stay.
TEST(Sampler, SeedsAreFixed) {
  std::vector<float> logits(1000);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = float((i * 7919) % 1000) / 200;
  auto draw = [&](uint64_t seed) {
    SamplingOptions o = options(0.9f);
    o.topK = 200;
    o.topP = 0.95f;
    o.seed = seed;
    Sampler sampler(o);
    std::vector<int32_t> tokens;
    for (int i = 0; i < 8; ++i)
      tokens.push_back(sampler.sample(logits));
    return tokens;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
  EXPECT_EQ(draw(42), (std::vector<int32_t>{88, 383, 680, 926, 988, 778, 718, 852}));
}

TEST(Sampler, BadOptions) {
  auto refusal = [](const std::function<void(SamplingOptions &)> &change) {
    SamplingOptions o;
    change(o);
    return errorOf([&] { Sampler sampler(o); });
  };
  EXPECT_NE(refusal([](SamplingOptions &o) { o.temperature = -1; }).find("--temperature -1"), std::string::npos);
  EXPECT_NE(refusal([](SamplingOptions &o) { o.temperature = kNan; }).find("--temperature"), std::string::npos);
  EXPECT_NE(refusal([](SamplingOptions &o) { o.topP = 1.5f; }).find("--top-p"), std::string::npos);
  EXPECT_NE(refusal([](SamplingOptions &o) { o.minP = -0.5f; }).find("--min-p"), std::string::npos);
  EXPECT_NE(refusal([](SamplingOptions &o) { o.repeatPenalty = 0; }).find("--repeat-penalty"), std::string::npos);
}
