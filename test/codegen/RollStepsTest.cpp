//===- RollStepsTest.cpp - Repeated steps become loops ---------------------------===//

#include "codegen/plan/RollSteps.h"

#include <chrono>
#include <gtest/gtest.h>

using namespace quipu::codegen;
namespace plan = quipu::plan;

namespace {

FlatStep step(uint32_t kernel, uint64_t weight, std::optional<uint32_t> layer, uint64_t arena = 0) {
  FlatStep result;
  result.kernel = kernel;
  result.arguments = {{plan::ArgKind::weight, weight}, {plan::ArgKind::arena, arena}};
  result.location = layer ? "layers.{}.part" : "part";
  result.layer = layer;
  return result;
}

/// What the sequences launch, written out again.
std::vector<FlatStep> unroll(const std::vector<std::unique_ptr<plan::SequenceT>> &sequences) {
  std::vector<FlatStep> steps;
  for (const auto &sequence : sequences)
    for (uint32_t i = 0; i < sequence->repeat; ++i)
      for (const auto &from : sequence->steps) {
        FlatStep to;
        if (const plan::RunKernelT *run = from->action.AsRunKernel())
          to.kernel = run->kernel;
        if (const plan::SampleT *sample = from->action.AsSample())
          to.sample = sample->mode;
        to.location = from->location;
        if (from->location.find("{}") != std::string::npos)
          to.layer = from->layer_base + i * from->layer_stride;
        for (const plan::Arg &argument : from->args)
          to.arguments.push_back({argument.kind(), argument.value() + i * static_cast<uint64_t>(argument.stride())});
        steps.push_back(to);
      }
  return steps;
}

void expectSame(const std::vector<FlatStep> &found, const std::vector<FlatStep> &expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].kernel, expected[i].kernel) << i;
    EXPECT_EQ(found[i].sample, expected[i].sample) << i;
    EXPECT_EQ(found[i].layer, expected[i].layer) << i;
    ASSERT_EQ(found[i].arguments.size(), expected[i].arguments.size()) << i;
    for (size_t a = 0; a < found[i].arguments.size(); ++a)
      EXPECT_EQ(found[i].arguments[a].value, expected[i].arguments[a].value) << i << " " << a;
  }
}

/// embedding, `layers` layers of three steps with alternating buffers, head.
std::vector<FlatStep> model(uint32_t layers) {
  std::vector<FlatStep> steps = {step(9, 0, std::nullopt)};
  for (uint32_t layer = 0; layer < layers; ++layer)
    for (uint32_t i = 0; i < 3; ++i)
      steps.push_back(step(i, 1 + 3 * layer + i, layer, layer % 2 ? 64 : 128));
  steps.push_back(step(8, 1 + 3 * layers, std::nullopt));
  return steps;
}

} // namespace

TEST(RollSteps, LayersBecomeOneLoop) {
  for (uint32_t layers : {4u, 5u, 32u, 80u}) {
    std::vector<FlatStep> steps = model(layers);
    auto sequences = rollSteps(steps);
    expectSame(unroll(sequences), steps);
    size_t stored = 0;
    for (const auto &sequence : sequences)
      stored += sequence->steps.size();
    // A pair of layers, an odd last layer, and the steps around them.
    EXPECT_LE(stored, 6u + 3u + 2u) << layers;
  }
}

TEST(RollSteps, ThePlanDoesNotGrowWithDepth) {
  auto stored = [](uint32_t layers) {
    size_t count = 0;
    for (const auto &sequence : rollSteps(model(layers)))
      count += sequence->steps.size();
    return count;
  };
  EXPECT_EQ(stored(6), stored(80));
}

// Test: time is linear in the number of layers. Walking all layers from each of their steps took hours for as many.
TEST(RollSteps, ManyLayers) {
  std::vector<FlatStep> steps = model(40000);
  auto begin = std::chrono::steady_clock::now();
  auto sequences = rollSteps(steps);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  expectSame(unroll(sequences), steps);
}

TEST(RollSteps, UnequalStridesAreNotRolled) {
  // The third step breaks the stride of the first two.
  std::vector<FlatStep> steps = {step(0, 0, 0), step(0, 1, 1), step(0, 7, 2)};
  auto sequences = rollSteps(steps);
  expectSame(unroll(sequences), steps);
  // Two of the three make a loop, whichever two; all three would need one stride.
  ASSERT_EQ(sequences.size(), 2u);
  EXPECT_EQ(sequences[0]->repeat + sequences[1]->repeat, 3u);
}

TEST(RollSteps, DifferentKernelsStayInOneSequence) {
  std::vector<FlatStep> steps = {step(0, 0, std::nullopt), step(1, 0, std::nullopt), step(2, 0, std::nullopt)};
  auto sequences = rollSteps(steps);
  expectSame(unroll(sequences), steps);
  ASSERT_EQ(sequences.size(), 1u);
  EXPECT_EQ(sequences[0]->repeat, 1u);
}

TEST(RollSteps, Nothing) { EXPECT_TRUE(rollSteps({}).empty()); }
