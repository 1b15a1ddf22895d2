//===- ToolRangeTest.cpp: what profilers see of loads, steps and kernels ------------------===//
//
// A program of its own: NVTX looks once in a process for a profiler, and here it finds RangeRecorder.cpp.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/core/ToolRange.h"
#include "runtime/core/Session.h"
#include "test/runtime/FakeCudaTest.h"
#include "test/runtime/ToyTokens.h"

#include <fstream>
#include <map>

using namespace quipu;
using namespace quipu::test;

namespace {

/// The file of the recorder, from before the first range on.
const std::string &rangeFile() {
  static const TempFolder folder;
  static const std::string path = [] {
    std::string file = folder.path("ranges");
    setenv("QUIPU_TEST_RANGES", file.c_str(), 1);
    setenv("NVTX_INJECTION64_PATH", QUIPU_RANGE_RECORDER, 1);
    return file;
  }();
  return path;
}

/// The ranges that `run` opens: one a line, category and name, with two spaces for each range that it lies in. By
/// thread.
std::map<size_t, std::string> rangesOf(const std::function<void()> &run) {
  std::ifstream before(rangeFile(), std::ios::ate);
  std::streamoff start = before ? std::streamoff(before.tellg()) : 0;
  run();
  std::ifstream stream(rangeFile());
  stream.seekg(start);
  std::map<size_t, std::string> texts;
  std::map<size_t, size_t> depths;
  size_t thread = 0;
  for (std::string word, domain, line; stream >> thread >> word; std::getline(stream, line)) {
    size_t &depth = depths[thread];
    if (word == "end") {
      EXPECT_GT(depth, 0u) << "a range ends that did not begin";
      --depth;
      continue;
    }
    stream >> domain;
    EXPECT_EQ(domain, "quipu");
    std::getline(stream, line);
    stream.unget();
    texts[thread] += std::string(2 * depth++, ' ') + line.substr(1) + "\n";
  }
  for (auto [number, depth] : depths)
    EXPECT_EQ(depth, 0u) << "thread " << number << " has ranges that do not end";
  return texts;
}

/// What the only thread does.
std::string mainRanges(const std::function<void()> &run) {
  auto texts = rangesOf(run);
  EXPECT_EQ(texts.size(), 1u);
  return texts[0];
}

std::string layers(const std::string &indent) {
  std::string text;
  for (int layer = 0; layer < int(kToyLayers); ++layer)
    // The kernel has two entries.
    for (int entry = 0; entry < 2; ++entry)
      text += indent + "kernel layers." + std::to_string(layer) + "\n";
  return text;
}

class ToolRangeTest : public FakeCudaTest {
protected:
  ToolRangeTest() { rangeFile(); }

  static void greedy(Session &session, SequenceId sequence, uint32_t steps) {
    NextToken next = {sequence, 3};
    session.greedy({&next, 1}, steps, [](std::span<const int32_t>) { return true; });
  }
};

} // namespace

// Test: a load is code and weights; weights that are uploaded say so.
TEST_F(ToolRangeTest, Load) {
  std::shared_ptr<const PlanFile> plan = cudaPlan();
  std::shared_ptr<const Model> model;
  EXPECT_EQ(mainRanges([&] { model = Model::load(plan); }), "load load " + plan->path() +
                                                                "\n"
                                                                "  load code\n"
                                                                "  load weights\n"
                                                                "    load upload the weights\n");
  EXPECT_TRUE(rangesWanted());
}

// Test: a prompt in two launches, each kernel at its place, with its layer.
TEST_F(ToolRangeTest, CudaPrefill) {
  Session session(load());
  SequenceId sequence = session.addSequence();
  EXPECT_EQ(mainRanges([&] { session.prefill(sequence, toyTokens(1, 20)); }),
            "phase prefill: 20 tokens of 1 sequence\n"
            "  step prefill: 12 rows of 1 sequence\n"
            "    kernel embed\n" +
                layers("    ") +
                "  step prefill: 8 rows of 1 sequence\n"
                "    kernel embed\n" +
                layers("    ") + "    kernel logits\n");
}

// Test: a step that repeats is launched kernel by kernel, then recorded, then launched as a graph.
TEST_F(ToolRangeTest, CudaGraph) {
  Session session(load());
  SequenceId sequence = session.addSequence();
  session.prefill(sequence, toyTokens(1, 5));
  EXPECT_EQ(mainRanges([&] { greedy(session, sequence, 3); }), "phase decode: 1 sequence\n"
                                                               "  step decode: 1 row of 1 sequence\n"
                                                               "    kernel embed\n" +
                                                                   layers("    ") +
                                                                   "    kernel logits\n"
                                                                   "    kernel choose tokens\n"
                                                                   "  step decode: 1 row of 1 sequence\n"
                                                                   "    step record a graph\n"
                                                                   "      kernel embed\n" +
                                                                   layers("      ") +
                                                                   "      kernel logits\n"
                                                                   "      kernel choose tokens\n"
                                                                   "  step decode: 1 row of 1 sequence\n");
}

// Test: a score is a phase of its own, and a profile is no phase.
TEST_F(ToolRangeTest, ScoreAndProfile) {
  Session session(Model::load(cudaPlan(addScorePrograms)));
  std::vector<int32_t> tokens = toyTokens(1, 6), targets = toyTokens(5, 6);
  std::replace(targets.begin(), targets.end(), kToyBadTarget, 3);
  SequenceTargets part = {session.addSequence(), tokens, targets};
  std::string text = mainRanges([&] { session.score({&part, 1}, [](size_t, size_t, float) {}); });
  EXPECT_TRUE(text.starts_with("phase score: 6 tokens of 1 sequence\n  step ")) << text;
  SequenceTokens token = {part.sequence, std::span(tokens).first(1)};
  text = mainRanges([&] { session.profile({&token, 1}, {.repeats = 1}); });
  EXPECT_TRUE(text.starts_with("step profile decode: 1 row of 1 sequence\n")) << text;
  EXPECT_NE(text.find("kernel layers.4\n"), std::string::npos) << text;
}

// Test: on a CPU each thread has the kernels that it computes a part of; the caller's lie in the step.
TEST_F(ToolRangeTest, Cpu) {
  ModelOptions options;
  options.device = "cpu";
  options.threads = 2;
  plan::PlanT plan = toyPlan(folder);
  Session session(Model::load(writeToyPlan(folder, plan, "cpu.plan"), options));
  SequenceId sequence = session.addSequence();
  auto texts = rangesOf([&] { session.prefill(sequence, toyTokens(1, 5)); });
  std::string kernels = "kernel embed\n" + layers("") + "kernel logits\n";
  std::string caller = "phase prefill: 5 tokens of 1 sequence\n"
                       "  step prefill: 8 rows of 1 sequence\n"
                       "    kernel embed\n" +
                       layers("    ") + "    kernel logits\n";
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(texts.begin()->second, caller);
  EXPECT_EQ(texts.rbegin()->second, kernels);
}

// Test: an Error ends the ranges that it leaves.
TEST_F(ToolRangeTest, Errors) {
  Session session(load());
  SequenceId sequence = session.addSequence();
  EXPECT_EQ(mainRanges([&] { errorOf([&] { session.prefill(sequence, toyTokens(1, 500)); }); }),
            "phase prefill: 500 tokens of 1 sequence\n");
}
