//===- LogProbTest.cpp - Probabilities by the kernel of the logits, on the CPU -----------===//
//
// Compiles linear kernels that end in llama.log_prob, for vocabularies that are whole tiles and that leave rows over,
// and compares what they give with the softmax in double.
//
//===-------------------------------------------------------------------------------------===//

#include "test/codegen/CompiledKernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>

using namespace quipu;
using namespace quipu::test;

namespace {

constexpr int64_t kRows = 3, kInputs = 8;

struct Shape {
  const char *target;
  int64_t vocab;
};

class LogProb : public testing::TestWithParam<Shape> {
protected:
  void SetUp() override {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
      GTEST_SKIP() << "the CPU has no AVX2, FMA and F16C";
    vocab = GetParam().vocab;
    std::string logits = "tensor<?x" + std::to_string(vocab) + "xf32>";
    std::string weight = "tensor<" + std::to_string(vocab) + "x8xf32>";
    std::string arguments = "(%x: tensor<?x8xf32>, %w: " + weight + ", %t: tensor<?xi32>) -> tensor<?xf32>";
    kernels.emplace(context,
                    "llama.kernel @head" + arguments +
                        " {\n"
                        "  %0 = llama.linear %x, %w : (tensor<?x8xf32>, " +
                        weight + ") -> " + logits +
                        "\n"
                        "  %1 = llama.log_prob %0, %t : (" +
                        logits +
                        ", tensor<?xi32>) -> tensor<?xf32>\n"
                        "  llama.yield %1 : tensor<?xf32>\n"
                        "}\n"
                        "func.func @decode" +
                        arguments +
                        " attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {\n"
                        "  %0 = llama.launch @head(%x, %w, %t) : (tensor<?x8xf32>, " +
                        weight +
                        ", tensor<?xi32>) -> tensor<?xf32>\n"
                        "  return %0 : tensor<?xf32>\n}\n",
                    std::string("cpu:") + GetParam().target);
    ASSERT_TRUE(kernels->isLoaded());
    inputs.assign(kRows * kInputs, 0);
    weights.assign(vocab * kInputs, 0);
  }

  /// Fills inputs and weights with numbers from `make`.
  template <typename Make> void fill(Make make) {
    for (std::vector<float> *values : {&inputs, &weights})
      for (float &value : *values)
        value = make();
  }

  std::vector<float> run(std::vector<int32_t> targets) {
    std::vector<float> scores(kRows, -7), kept(kRows * (2 * vocab + 1));
    CompiledKernels::Dims dims = {};
    dims[kDimTokens] = kRows;
    kernels->run("head", {inputs.data(), weights.data(), targets.data(), scores.data(), kept.data()}, dims);
    return scores;
  }

  double logitOf(int64_t row, int64_t token) const {
    double sum = 0;
    for (int64_t k = 0; k < kInputs; ++k)
      sum += double(inputs[row * kInputs + k]) * double(weights[token * kInputs + k]);
    return sum;
  }

  double expectedOf(int64_t row, int64_t target) const {
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (int64_t token = 0; token < vocab; ++token)
      largest = std::max(largest, logitOf(row, token));
    for (int64_t token = 0; token < vocab; ++token)
      sum += std::exp(logitOf(row, token) - largest);
    return logitOf(row, target) - largest - std::log(sum);
  }

  /// Runs the kernel for all kinds of targets, and expects what the definition says.
  void check(const char *what) {
    SCOPED_TRACE(what);
    for (int64_t first : {int64_t(0), vocab / 2, vocab - 1}) {
      std::vector<int32_t> targets = {int32_t(first), -1, int32_t(vocab - 1 - first)};
      std::vector<float> scores = run(targets);
      EXPECT_EQ(scores[1], 0);
      for (int64_t row : {0, 2}) {
        // Logits are sums in f32, of which the largest counts.
        double largest = 1;
        for (int64_t token = 0; token < vocab; ++token)
          largest = std::max(largest, std::abs(logitOf(row, token)));
        EXPECT_NEAR(scores[row], expectedOf(row, targets[row]), 2e-6 * largest) << "row " << row << " target " << first;
      }
    }
  }

  int64_t vocab = 0;
  std::vector<float> inputs, weights;
  mlir::MLIRContext context;
  std::optional<CompiledKernels> kernels;
};

// One test for all, since compiling takes most of the time.
TEST_P(LogProb, IsTheSoftmax) {
  std::mt19937 random(vocab);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 10; ++i) {
    fill([&] { return normal(random); });
    check("any numbers");
  }
  for (int i = 0; i < 3; ++i) {
    fill([&] { return 5 * normal(random); });
    check("logits far apart");
  }
  fill([&] { return 8.0f; });
  check("large logits, all equal");
  fill([&] { return -40.0f; });
  inputs.assign(kRows * kInputs, 40);
  check("low logits, all equal");

  for (int64_t token : {int64_t(0), vocab / 2, vocab - 1}) {
    constexpr float kHuge = std::numeric_limits<float>::max();
    for (auto [first, second] : {std::pair(kHuge, 0.0f), std::pair(kHuge, -kHuge)}) {
      fill([&] { return normal(random); });
      // The logit of one token in one row is infinite, or the difference of two infinities.
      for (int64_t row = 0; row < kRows; ++row)
        std::fill_n(inputs.begin() + row * kInputs, 2, row == 1 ? 4.0f : 0.0f);
      weights[token * kInputs] = first;
      weights[token * kInputs + 1] = second;
      std::vector<float> scores = run({0, int32_t(vocab / 2), 0});
      EXPECT_TRUE(std::isfinite(scores[0]));
      EXPECT_TRUE(std::isnan(scores[1])) << "token " << token << " of " << first << " and " << second;
      EXPECT_TRUE(std::isfinite(scores[2]));
    }
    if (vocab == 1)
      continue;
    // A logit of minus infinity counts nothing.
    weights[token * kInputs] = -kHuge;
    weights[token * kInputs + 1] = 0;
    float score = run({0, int32_t(token ? 0 : 1), 0})[1];
    weights[token * kInputs] = -1000;
    EXPECT_NEAR(score, expectedOf(1, token ? 0 : 1), 1e-4);
  }
}

// 64 and 1008 are whole tiles, of which a vector takes many or a few; the others leave rows over.
INSTANTIATE_TEST_SUITE_P(Shapes, LogProb,
                         testing::Values(Shape{"x86-64-v3", 1}, Shape{"x86-64-v3", 2}, Shape{"x86-64-v3", 37},
                                         Shape{"x86-64-v3", 64}, Shape{"x86-64-v3", 1008}, Shape{"host", 49},
                                         Shape{"host", 1008}),
                         [](const testing::TestParamInfo<Shape> &info) {
                           return std::string(info.param.target == std::string("host") ? "host" : "v3") + "Vocab" +
                                  std::to_string(info.param.vocab);
                         });

} // namespace
