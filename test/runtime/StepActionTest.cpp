//===- StepActionTest.cpp: steps that run no kernel --------------------------------------===//

#include "runtime/core/Session.h"
#include "test/runtime/FakeCudaTest.h"

using namespace quipu;
using namespace quipu::test;

namespace {

const std::vector<int32_t> kPrompt = {3, 9, 4, 17, 8};

/// Puts a step of this action before the one that gives the logits.
template <typename Action>
void addBeforeLogits(plan::ProgramT &program, Action action, std::vector<plan::Arg> args, const char *location) {
  auto step = std::make_unique<plan::StepT>();
  step->action.Set(std::move(action));
  step->args = std::move(args);
  step->location = location;
  auto &steps = program.sequences[2]->steps;
  steps.insert(steps.begin(), std::move(step));
}

/// Lets the logits be computed from a copy of the last activations.
void addCopies(plan::PlanT &plan) {
  for (auto &program : plan.programs) {
    plan::Arg from(64, 0, plan::ArgKind::arena), to((program->arena_bytes + 63) / 64 * 64, 0, plan::ArgKind::arena);
    program->arena_bytes = to.value() + program->arena_bytes;
    plan::CopyT copy;
    copy.rows = plan::RowDim::tokens;
    copy.row_bytes = uint64_t(kToyHidden) * 4;
    addBeforeLogits(*program, std::move(copy), {from, to}, "copy_of_x");
    program->sequences[2]->steps.back()->args[0] = to;
  }
}

plan::CollectiveT allGather() {
  plan::CollectiveT collective;
  collective.kind = plan::CollectiveKind::all_gather;
  collective.rows = plan::RowDim::tokens;
  collective.columns = 4;
  collective.devices = 2;
  return collective;
}

/// Logits of a prompt and of three tokens behind it, one after the other.
std::vector<float> logitsOf(const std::shared_ptr<const Model> &model) {
  Session session(model);
  SequenceId sequence = session.addSequence();
  std::vector<float> all;
  auto add = [&](std::span<const float> row) { all.insert(all.end(), row.begin(), row.end()); };
  LogitsRows rows = session.prefill(sequence, kPrompt, LogitsMode::All);
  add(rows.all());
  for (int32_t token : {1, 2, 3})
    add(session.decode(sequence, token));
  return all;
}

class CudaStepAction : public FakeCudaTest {};

} // namespace

// Test: a copy on the CPU, with its rows divided among threads, gives the next step what it had without.
TEST(StepAction, Copy) {
  TempFolder folder;
  for (unsigned threads : {1u, 3u}) {
    ModelOptions options;
    options.threads = threads;
    plan::PlanT plan = toyPlan(folder);
    std::vector<float> expected = logitsOf(Model::load(writeToyPlan(folder, plan), options));
    addCopies(plan);
    auto model = Model::load(writeToyPlan(folder, plan, "copy.plan"), options);
    EXPECT_EQ(logitsOf(model), expected);
    Session session(model);
    SequenceTokens part = {session.addSequence(), kPrompt, LogitsMode::Last};
    StepTimes times = session.profile({&part, 1}, {2});
    ASSERT_EQ(times.launches.size(), size_t(1 + 2 * kToyLayers + 1 + 1));
    EXPECT_EQ(times.launches[11].entry, "copy");
    EXPECT_EQ(times.launches[11].location, "copy_of_x");
    EXPECT_FALSE(times.launches[11].kernel);
  }
}

// Test: on a GPU a copy stands in its place among the kernels, in a recording too, and no kernel behind it begins
// before it has ended.
TEST_F(CudaStepAction, Copy) {
  std::vector<float> expected = logitsOf(load());
  fake.launches.clear();
  auto model = Model::load(cudaPlan(addCopies));
  EXPECT_EQ(logitsOf(model), expected);
  size_t logitsKernels = 0;
  for (const FakeLaunch &launch : fake.launches)
    if (launch.symbol.starts_with("toy_logits")) {
      ++logitsKernels;
      EXPECT_FALSE(launch.dependent) << launch.symbol;
    }
  EXPECT_EQ(logitsKernels, 4u);
}

// Test: today's devices run alone. A plan for several is refused when it is loaded, by the name of the collective.
TEST(StepAction, CollectiveIsRefused) {
  TempFolder folder;
  plan::PlanT plan = toyPlan(folder);
  plan::Arg x(64, 0, plan::ArgKind::arena);
  addBeforeLogits(*plan.programs[1], allGather(), {x, x}, "layers.4.gather");
  std::string path = writeToyPlan(folder, plan);
  std::string text = errorOf([&] { Model::load(path); });
  EXPECT_EQ(text, path + ": program prefill has a collective, all_gather over 2 devices at layers.4.gather, and cpu "
                         "runs alone; compile the model for one device");
}

TEST_F(CudaStepAction, CollectiveIsRefused) {
  auto plan = cudaPlan([](plan::PlanT &plan) {
    plan::Arg x(64, 0, plan::ArgKind::arena);
    for (size_t program : {0, 2})
      addBeforeLogits(*plan.programs[program], allGather(), {x, x}, "gather");
  });
  expectHas(errorOf([&] { Model::load(plan); }), "all_gather over 2 devices at gather, and cuda:0 runs alone");
}

// Test: a program that has no sample gives logits, and says so when it is to choose.
TEST(StepAction, WithoutSample) {
  TempFolder folder;
  plan::PlanT plan = toyPlan(folder);
  for (auto &program : plan.programs)
    program->sequences.back()->steps.pop_back();
  Session session(Model::load(writeToyPlan(folder, plan)));
  SequenceTokens part = {session.addSequence(), kPrompt, LogitsMode::Last};
  EXPECT_EQ(session.choose({&part, 1}).size(), 1u);
  TokenSampling sampling = {};
  sampling.uniform = [] { return 0.5; };
  std::string text = errorOf([&] { session.draw({&part, 1}, {&sampling, 1}); });
  EXPECT_NE(text.find("program prefill gives logits and no drawn_tokens"), std::string::npos) << text;
}
