//===- ArgMaxTest.cpp - Tokens chosen by the kernel of the logits, on the CPU ------------===//
//
// Compiles linear kernels that end in llama.sample, for vocabularies that are whole tiles and that leave rows over, and
// compares the tokens with what the host chooses from the kernel's logits.
//
//===-------------------------------------------------------------------------------------===//

#include "runtime/core/Logits.h"
#include "test/codegen/CompiledKernels.h"

#include <gtest/gtest.h>

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

class ArgMax : public testing::TestWithParam<Shape> {
protected:
  void SetUp() override {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("f16c"))
      GTEST_SKIP() << "the CPU has no AVX2, FMA and F16C";
    vocab = GetParam().vocab;
    std::string logits = "tensor<?x" + std::to_string(vocab) + "xf32>";
    std::string weight = "tensor<" + std::to_string(vocab) + "x8xf32>";
    std::string types = "(tensor<?x8xf32>, " + weight + ") -> ", results = "(" + logits + ", tensor<?xi32>)";
    kernels.emplace(context,
                    "llama.kernel @head(%x: tensor<?x8xf32>, %w: " + weight + ") -> " + results +
                        " {\n"
                        "  %0 = llama.linear %x, %w : " +
                        types + logits +
                        "\n"
                        "  %1 = llama.sample %0 greedy : (" +
                        logits +
                        ") -> tensor<?xi32>\n"
                        "  llama.yield %0, %1 : " +
                        logits +
                        ", tensor<?xi32>\n"
                        "}\n"
                        "func.func @decode(%x: tensor<?x8xf32>, %w: " +
                        weight + ") -> " + results +
                        " attributes {llama.program = #llama.program<decode, rows = 1 to 8>} {\n"
                        "  %0, %1 = llama.launch @head(%x, %w) : " +
                        types + results +
                        "\n"
                        "  return %0, %1 : " +
                        logits + ", tensor<?xi32>\n}\n",
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

  /// Runs the kernel, and expects the tokens that the host would choose.
  void check(const char *what) {
    SCOPED_TRACE(what);
    std::vector<float> logits(kRows * vocab);
    std::vector<int32_t> tokens(kRows, -7), best(kRows * 2 * vocab);
    CompiledKernels::Dims dims = {};
    dims[kDimTokens] = kRows;
    kernels->run("head", {inputs.data(), weights.data(), logits.data(), tokens.data(), best.data()}, dims);
    for (int64_t row = 0; row < kRows; ++row) {
      std::span<const float> ofRow(logits.data() + row * vocab, size_t(vocab));
      EXPECT_EQ(tokens[row], allFinite(ofRow) ? mostLikely(ofRow) : -1) << "row " << row;
      for (int64_t token = 0; token < vocab; ++token) {
        double sum = 0;
        for (int64_t k = 0; k < kInputs; ++k)
          sum += double(inputs[row * kInputs + k]) * double(weights[token * kInputs + k]);
        if (std::isfinite(ofRow[token]))
          ASSERT_NEAR(ofRow[token], sum, 1e-5) << "row " << row << " token " << token;
      }
    }
  }

  int64_t vocab = 0;
  std::vector<float> inputs, weights;
  mlir::MLIRContext context;
  std::optional<CompiledKernels> kernels;
};

// One test for all, since compiling takes most of the time.
TEST_P(ArgMax, ChoosesAsTheHost) {
  std::mt19937 random(vocab);
  std::normal_distribution<float> normal;
  for (int i = 0; i < 20; ++i) {
    fill([&] { return normal(random); });
    check("any numbers");
  }
  for (int i = 0; i < 20; ++i) {
    fill([&] { return float(int(random() % 3) - 1); });
    check("many equal logits");
  }
  fill([&] { return std::abs(normal(random)); });
  for (float &weight : weights)
    weight = -weight;
  check("negative logits");

  // Products too small for a float: logits of -0 and 0, which are equal.
  for (int64_t zero : {int64_t(0), vocab / 2, vocab - 1}) {
    inputs.assign(kRows * kInputs, 1e-30f);
    weights.assign(vocab * kInputs, -1e-30f);
    std::fill_n(weights.begin() + zero * kInputs, kInputs, 0.0f);
    check("zeros of both signs");
  }

  constexpr float kHuge = std::numeric_limits<float>::max();
  for (int64_t token : {int64_t(0), vocab / 2, vocab - 1})
    for (auto [first, second] : {std::pair(kHuge, 0.0f), std::pair(-kHuge, 0.0f), std::pair(kHuge, -kHuge)}) {
      fill([&] { return normal(random); });
      // The logit of one token in one row is infinite, or the difference of two infinities.
      for (int64_t row = 0; row < kRows; ++row)
        std::fill_n(inputs.begin() + row * kInputs, 2, row == 1 ? 4.0f : 0.0f);
      weights[token * kInputs] = first;
      weights[token * kInputs + 1] = second;
      check("a logit that is NaN or infinite");
    }
}

// 64 and 1008 are whole tiles, of which a vector takes many or a few; the others leave rows over.
INSTANTIATE_TEST_SUITE_P(Shapes, ArgMax,
                         testing::Values(Shape{"x86-64-v3", 1}, Shape{"x86-64-v3", 2}, Shape{"x86-64-v3", 37},
                                         Shape{"x86-64-v3", 64}, Shape{"x86-64-v3", 1008}, Shape{"host", 49},
                                         Shape{"host", 1008}),
                         [](const testing::TestParamInfo<Shape> &info) {
                           return std::string(info.param.target == std::string("host") ? "host" : "v3") + "Vocab" +
                                  std::to_string(info.param.vocab);
                         });

} // namespace
