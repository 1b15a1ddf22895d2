//===- PlanFileTest.cpp: container and meaning -------------------------------------------===//

#include "test/runtime/ToyPlan.h"

#include <cstring>
#include <random>

using namespace quipu;
using namespace quipu::test;

namespace {

class PlanFileTest : public testing::Test {
protected:
  PlanFileTest() : bytes(planBytes(packPlan(toyPlan()))) {}

  /// The message for a changed plan file.
  std::string refusal(const std::vector<uint8_t> &changed) {
    return errorOf([&] { PlanFile::fromMemory(changed, "some.plan"); });
  }
  void expectRefusal(const std::vector<uint8_t> &changed, const std::string &text) {
    std::string message = refusal(changed);
    EXPECT_NE(message.find(text), std::string::npos) << message;
    EXPECT_EQ(message.rfind("some.plan: ", 0), 0u) << message;
  }
  /// The message for a plan that is whole but changed in meaning.
  void expectInvalid(const std::string &text, const std::function<void(plan::PlanT &)> &change) {
    plan::PlanT plan = toyPlan();
    change(plan);
    expectRefusal(planBytes(packPlan(plan)), text);
  }
  static plan::Arg &layerArg(plan::PlanT &plan, size_t index) {
    return plan.programs[0]->sequences[1]->steps[0]->args[index];
  }

  std::vector<uint8_t> bytes;
};

} // namespace

TEST_F(PlanFileTest, RoundTrip) {
  TempFolder folder;
  std::string path = writeToyPlan(folder, toyPlan());
  EXPECT_EQ(folder.list(), std::vector<std::string>{"toy.plan"});
  auto plan = PlanFile::open(path);
  EXPECT_EQ(plan->path(), path);
  EXPECT_EQ(plan->plan().config()->vocab_size(), uint32_t(kToyVocab));
  EXPECT_FALSE(plan->isBundle());
  EXPECT_EQ(plan->planBytes(), bytes.size());
}

TEST_F(PlanFileTest, MissingFileAndFolder) {
  TempFolder folder;
  EXPECT_NE(errorOf([&] { PlanFile::open(folder.path("none")); }).find("No such file"), std::string::npos);
  EXPECT_NE(errorOf([&] { PlanFile::open(folder.path()); }).find("folder"), std::string::npos);
  EXPECT_NE(errorOf([&] { PlanFile::open("/dev/zero"); }).find("not a regular file"), std::string::npos);
}

// Test: cut off anywhere, a plan is refused, and beyond the magic it is called truncated.
TEST_F(PlanFileTest, Truncated) {
  for (size_t size = 0; size < bytes.size(); size += size < 200 ? 1 : 997)
    expectRefusal({bytes.begin(), bytes.begin() + ptrdiff_t(size)}, size == 0 ? "not a Quipu plan" : "truncated");
}

TEST_F(PlanFileTest, LongerThanItSays) {
  bytes.push_back(0);
  expectRefusal(bytes, "altered");
}

TEST_F(PlanFileTest, NotAPlan) {
  expectRefusal({'{', '}'}, "not a Quipu plan");
  expectRefusal(std::vector<uint8_t>(1000, 0), "not a Quipu plan");
}

// Test: any single bit that differs is noticed.
TEST_F(PlanFileTest, BitFlips) {
  std::mt19937 random(1);
  for (size_t i = 0; i < 64 * 8 + 300; ++i) {
    size_t bit = i < 64 * 8 ? i : random() % (bytes.size() * 8);
    std::vector<uint8_t> changed = bytes;
    changed[bit / 8] ^= uint8_t(1 << bit % 8);
    EXPECT_NE(refusal(changed), "") << "bit " << bit;
  }
  bytes[bytes.size() / 2] ^= 4;
  expectRefusal(bytes, "hash differs");
}

TEST_F(PlanFileTest, OtherVersions) {
  std::vector<uint8_t> changed = bytes;
  changed[8] = 9;
  expectRefusal(changed, "container version 9, this quipu reads version 1");
  changed = bytes;
  changed[12] = 7;
  expectRefusal(changed, "schema version 7, this quipu reads version 1");
  expectInvalid("schema_version is 3", [](plan::PlanT &plan) { plan.schema_version = 3; });
}

TEST_F(PlanFileTest, GarbageWithRightHash) {
  expectRefusal(planBytes(std::vector<uint8_t>(500, 3)), "does not verify");
  expectRefusal(planBytes({}), "does not verify");
}

TEST_F(PlanFileTest, FullDisk) {
  std::vector<uint8_t> payload = packPlan(toyPlan());
  EXPECT_NE(errorOf([&] { writePlanFile("/dev/full", payload); }).find("No space left"), std::string::npos);
}

// Test: each rule of meaning, by the field that its message names.
TEST_F(PlanFileTest, ConfigAndCache) {
  expectInvalid("vocab_size", [](plan::PlanT &plan) { plan.config->vocab_size = 0; });
  expectInvalid("rope_scaling", [](plan::PlanT &plan) { plan.config->rope_scaling = plan::RopeScaling(77); });
  expectInvalid("kv_cache.page", [](plan::PlanT &plan) { plan.kv_cache->page = 0; });
  expectInvalid("kv_cache.dtype", [](plan::PlanT &plan) { plan.kv_cache->dtype = plan::DType::i32; });
  expectInvalid("kv_cache.max_batch", [](plan::PlanT &plan) { plan.kv_cache->max_batch = 0; });
  expectInvalid("6 layers x 2 heads x 4", [](plan::PlanT &plan) { plan.kv_cache->layers = 6; });
  expectInvalid("pages", [](plan::PlanT &plan) {
    plan.kv_cache->max_seq = 1 << 24;
    plan.kv_cache->max_batch = 65536;
  });
}

TEST_F(PlanFileTest, Weights) {
  expectInvalid("dtype is i32", [](plan::PlanT &plan) { plan.weights[0]->dtype = plan::DType::i32; });
  expectInvalid("transform is 9", [](plan::PlanT &plan) { plan.weights[0]->transform = plan::WeightTransform(9); });
  expectInvalid("0 sources", [](plan::PlanT &plan) { plan.weights[0]->sources.clear(); });
  expectInvalid("2 sources for its transform convert",
                [](plan::PlanT &plan) { plan.weights[6]->transform = plan::WeightTransform::convert; });
  expectInvalid("used in place", [](plan::PlanT &plan) { plan.weights[0]->transform = plan::WeightTransform::none; });
  expectInvalid("size is 31 bytes", [](plan::PlanT &plan) { plan.weights[1]->sources[0]->size = 31; });
  expectInvalid("its sources have 8 elements", [](plan::PlanT &plan) { plan.weights[1]->shape = {9}; });
  expectInvalid("more elements", [](plan::PlanT &plan) { plan.weights[1]->shape = {7}; });
  expectInvalid("shape", [](plan::PlanT &plan) { plan.weights[1]->shape = {0}; });
  expectInvalid("shape", [](plan::PlanT &plan) { plan.weights[1]->shape = {uint64_t(1) << 33, uint64_t(1) << 33}; });
  expectInvalid("dimension other than the first", [](plan::PlanT &plan) {
    plan.weights[6]->shape = {4, 2};
    plan.weights[6]->sources[0]->shape = {2, 2};
    plan.weights[6]->sources[1]->shape = {1, 4};
  });
  expectInvalid("file is 0, the plan has 0", [](plan::PlanT &plan) { plan.weights[0]->sources[0]->file = 0; });
}

TEST_F(PlanFileTest, Files) {
  auto withFiles = [&](const std::string &text, const std::function<void(plan::PlanT &)> &change) {
    TempFolder folder;
    plan::PlanT plan = toyPlan(folder);
    change(plan);
    expectRefusal(planBytes(packPlan(plan)), text);
  };
  withFiles("leave its file", [](plan::PlanT &plan) { plan.weights[0]->sources[0]->offset = 1000000; });
  withFiles("leave its file", [](plan::PlanT &plan) { plan.weights[0]->sources[0]->offset = UINT64_MAX; });
  withFiles("header_hash is not 16", [](plan::PlanT &plan) { plan.files[0]->header_hash.resize(15); });
  withFiles("content_hash is not 16", [](plan::PlanT &plan) { plan.files[0]->content_hash.clear(); });
  withFiles("files[0].path", [](plan::PlanT &plan) { plan.files[0]->path = std::string("a\0b", 3); });
}

TEST_F(PlanFileTest, KernelsAndModules) {
  expectInvalid("no code modules", [](plan::PlanT &plan) { plan.modules.clear(); });
  expectInvalid("modules[0].bytes", [](plan::PlanT &plan) { plan.modules[0]->bytes.clear(); });
  expectInvalid("number of entries", [](plan::PlanT &plan) { plan.kernels[0]->entries.clear(); });
  expectInvalid("rows_per_block", [](plan::PlanT &plan) { plan.kernels[0]->entries[0]->grid->rows_per_block = 0; });
  expectInvalid("grid.fixed", [](plan::PlanT &plan) { plan.kernels[0]->entries[0]->grid->fixed = 0; });
  expectInvalid("grid.rows", [](plan::PlanT &plan) { plan.kernels[0]->entries[0]->grid->rows = plan::RowDim(5); });
  expectInvalid("symbol", [](plan::PlanT &plan) { plan.kernels[0]->entries[0]->symbol = ""; });
  expectInvalid("scratch_bytes", [](plan::PlanT &plan) { plan.kernels[0]->scratch_bytes = 0xffffffff; });
  expectInvalid("independent argument 8", [](plan::PlanT &plan) { plan.kernels[1]->independent_args = {8}; });
}

TEST_F(PlanFileTest, Programs) {
  expectInvalid("no programs", [](plan::PlanT &plan) { plan.programs.clear(); });
  expectInvalid("min_rows", [](plan::PlanT &plan) { plan.programs[0]->min_rows = 0; });
  expectInvalid("max_rows", [](plan::PlanT &plan) { plan.programs[1]->max_rows = 1; });
  expectInvalid("row_align", [](plan::PlanT &plan) { plan.programs[1]->row_align = 0; });
  expectInvalid("exceeds max_rows", [](plan::PlanT &plan) {
    plan.programs[1]->min_rows = 11;
    plan.programs[1]->row_align = 7;
  });
  expectInvalid("no sequences", [](plan::PlanT &plan) { plan.programs[0]->sequences.clear(); });
  expectInvalid("repeat", [](plan::PlanT &plan) { plan.programs[0]->sequences[1]->repeat = 0; });
  expectInvalid("kernel is 44", [](plan::PlanT &plan) { plan.programs[0]->sequences[1]->steps[0]->kernel = 44; });
}

TEST_F(PlanFileTest, Arguments) {
  expectInvalid("arena 4096", [](plan::PlanT &plan) { layerArg(plan, 0) = plan::Arg(4096, 0, plan::ArgKind::arena); });
  expectInvalid("multiple of 64", [](plan::PlanT &plan) { layerArg(plan, 0) = plan::Arg(4, 0, plan::ArgKind::arena); });
  // One iteration more than there are layers, at either end.
  expectInvalid("kv_layer 0 with stride 1 over 6 iterations",
                [](plan::PlanT &plan) { plan.programs[0]->sequences[1]->repeat = 6; });
  expectInvalid("weight 3 with stride -1 over 5 iterations",
                [](plan::PlanT &plan) { layerArg(plan, 3) = plan::Arg(3, -1, plan::ArgKind::weight); });
  expectInvalid("weight",
                [](plan::PlanT &plan) { layerArg(plan, 3) = plan::Arg(UINT64_MAX, INT64_MAX, plan::ArgKind::weight); });
  expectInvalid("input 4", [](plan::PlanT &plan) { layerArg(plan, 1) = plan::Arg(4, 0, plan::ArgKind::input); });
  expectInvalid("kind is 99", [](plan::PlanT &plan) { layerArg(plan, 1) = plan::Arg(0, 0, plan::ArgKind(99)); });
}

TEST_F(PlanFileTest, Tokenizer) {
  expectInvalid("tokenizer.model", [](plan::PlanT &plan) {
    plan.tokenizer = std::make_unique<plan::TokenizerT>();
    plan.tokenizer->kind = plan::TokenizerKind::sentencepiece;
  });
}
