//===- PlanFileTest.cpp: container and meaning -------------------------------------------===//

#include "runtime/abi/CudaLimits.h"
#include "runtime/abi/ProgramValues.h"
#include "runtime/abi/WeightFormat.h"
#include "runtime/support/OutputFile.h"
#include "test/runtime/ToyPlan.h"

#include <cmath>
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
  // What to do is said whatever the file is.
  for (std::string_view other : {"{\"a\": 1}", "some text", "\x93NUMPY",
                                 "\x7f"
                                 "ELF"})
    expectRefusal({other.begin(), other.end()}, "; give a file that quipu compile wrote");
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

TEST_F(PlanFileTest, TokenizerAndEnds) {
  auto withToken = [](int32_t id, const char *content) {
    return [id, content](plan::PlanT &plan) {
      plan.tokenizer = std::make_unique<plan::TokenizerT>();
      plan.tokenizer->added_tokens.push_back(std::make_unique<plan::AddedTokenT>());
      plan.tokenizer->added_tokens.back()->id = id;
      plan.tokenizer->added_tokens.back()->content = content;
    };
  };
  expectInvalid("tokenizer.added_tokens.id", withToken(-1, "x"));
  expectInvalid("tokenizer.added_tokens.id", withToken(1 << 30, "x"));
  expectInvalid("tokenizer.added_tokens.content", withToken(1, ""));
  expectInvalid("config.eos_origins has 1 entries for 2 eos_token_ids", [](plan::PlanT &plan) {
    plan.config->eos_token_ids = {1, 2};
    plan.config->eos_origins = {"config.json"};
  });
}

TEST_F(PlanFileTest, OtherVersions) {
  std::vector<uint8_t> changed = bytes;
  changed[8] = 9;
  expectRefusal(changed, "container version 9, this quipu reads version 2");
  changed = bytes;
  changed[12] = kSchemaVersion + 1;
  expectRefusal(changed, concat("schema version ", kSchemaVersion + 1, ", this quipu reads version ", kSchemaVersion));
  changed[12] = kSchemaVersion - 1;
  expectRefusal(changed, "compile the model again with this version of quipu");
  expectInvalid(concat("schema_version is ", kSchemaVersion + 1),
                [](plan::PlanT &plan) { plan.schema_version = kSchemaVersion + 1; });
}

TEST_F(PlanFileTest, GarbageWithRightHash) {
  expectRefusal(planBytes(std::vector<uint8_t>(500, 3)), "does not verify");
  expectRefusal(planBytes({}), "does not verify");
}

TEST_F(PlanFileTest, FullDisk) {
  std::vector<uint8_t> payload = packPlan(toyPlan());
  EXPECT_NE(errorOf([&] {
              OutputFile file("/dev/full");
              writePlanFile(file, payload);
            }).find("No space left"),
            std::string::npos);
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
  expectInvalid(concat("weight embed: format is 'i32', expected one of ", weightFormatNames()),
                [](plan::PlanT &plan) { plan.weights[0]->format = "i32"; });
  expectInvalid("source scale.low: format is ''", [](plan::PlanT &plan) { plan.weights[6]->sources[0]->format = ""; });
  expectInvalid("weight embed: rows of 8 elements are no whole blocks of 32 (q8_0)",
                [](plan::PlanT &plan) { plan.weights[0]->format = "q8_0"; });
  expectInvalid("source layers.0.w: rows of 1 elements are no whole blocks of 32 (q8_0)",
                [](plan::PlanT &plan) { plan.weights[1]->sources[0]->format = "q8_0"; });
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
  expectInvalid("embeds 32 tokens where config.vocab_size is 33",
                [](plan::PlanT &plan) { plan.config->vocab_size = kToyVocab + 1; });
  expectInvalid("file is 0, the plan has 0", [](plan::PlanT &plan) { plan.weights[0]->sources[0]->file = 0; });
}

// Test: the sources of a concat cover the rows of the weight, each once; pairs are whole.
TEST_F(PlanFileTest, RowOrders) {
  using enum plan::RowOrder;
  auto withOrders = [&](const std::string &text, uint64_t rows, std::vector<plan::RowOrder> orders,
                        const std::function<void(plan::WeightT &)> &change) {
    plan::PlanT plan = toyPlan();
    plan::WeightT &weight = *plan.weights[6];
    weight.shape = {rows * 2};
    for (size_t kernel : {2, 3})
      plan.kernels[kernel]->params[4]->bytes = rows * 2 * 4;
    for (size_t i = 0; i < 2; ++i) {
      weight.sources[i]->shape = {rows};
      weight.sources[i]->size = rows * 4;
      weight.sources[i]->order = orders[i];
      weight.sources[i]->first_row = orders[i] == second ? 0 : i * rows;
    }
    change(weight);
    text.empty() ? (void)PlanFile::fromMemory(planBytes(packPlan(plan)), "toy.plan")
                 : expectRefusal(planBytes(packPlan(plan)), text);
  };
  auto nothing = [](plan::WeightT &) {};
  withOrders("", 8, {first, second}, nothing);
  withOrders("", 32, {plain, halves}, [](plan::WeightT &weight) { weight.sources[1]->group_rows = 16; });
  withOrders("order is 9", 8, {plain, plan::RowOrder(9)}, nothing);
  withOrders("first_row is 0, expected 8", 8, {plain, plain},
             [](plan::WeightT &weight) { weight.sources[1]->first_row = 0; });
  withOrders("first_row is 8, expected 0", 8, {first, second},
             [](plan::WeightT &weight) { weight.sources[1]->first_row = 8; });
  withOrders("do not follow each other", 8, {plain, second}, nothing);
  withOrders("do not follow each other", 8, {first, plain}, nothing);
  withOrders("second elements of pairs are missing", 8, {plain, first}, nothing);
  withOrders("no multiple of 8", 4, {first, second}, nothing);
  withOrders("no groups of 24", 48, {plain, alternating},
             [](plan::WeightT &weight) { weight.sources[1]->group_rows = 24; });
  withOrders("no groups of 32", 48, {halves, plain}, [](plan::WeightT &weight) { weight.sources[0]->group_rows = 32; });
  withOrders("no groups of 0", 16, {halves, plain}, nothing);
  expectInvalid("the transform is none",
                [](plan::PlanT &plan) { plan.weights[1]->sources[0]->order = plan::RowOrder::first; });
}

// Test: a slice lies in its tensor and fits the weight; `plus` is for f32 that is not used in place.
TEST_F(PlanFileTest, Slices) {
  // The embedding's 32 x 8 values become rows 1 and on, and columns 2 and on, of a larger tensor.
  auto withSlice = [&](const std::string &text, const std::function<void(plan::SourceT &)> &change) {
    plan::PlanT plan = toyPlan();
    plan::SourceT &source = *plan.weights[0]->sources[0];
    source.shape = {kToyVocab + 2, kToyHidden + 4};
    source.size = source.shape[0] * source.shape[1] * 2;
    source.slice = std::make_unique<plan::Slice>(1, kToyVocab, 2, kToyHidden);
    change(source);
    text.empty() ? (void)PlanFile::fromMemory(planBytes(packPlan(plan)), "toy.plan")
                 : expectRefusal(planBytes(packPlan(plan)), text);
  };
  auto slice = [](uint64_t row, uint64_t rows, uint64_t column, uint64_t columns) {
    return [=](plan::SourceT &source) { *source.slice = plan::Slice(row, rows, column, columns); };
  };
  withSlice("", [](plan::SourceT &) {});
  withSlice("its slice has 32 rows from number 3 on, its tensor has 34", slice(3, kToyVocab, 2, kToyHidden));
  withSlice("rows from number 18446744073709551615 on", slice(UINT64_MAX, kToyVocab, 2, kToyHidden));
  withSlice("its slice has 0 rows", slice(1, 0, 2, kToyHidden));
  withSlice("its slice has 8 columns from number 5 on, its tensor has 12", slice(1, kToyVocab, 5, kToyHidden));
  withSlice("dimension other than the first", slice(1, kToyVocab, 2, kToyHidden - 1));
  withSlice("its sources have 248 elements, its shape has 256", slice(1, kToyVocab - 1, 2, kToyHidden));
  withSlice("more elements", slice(1, kToyVocab + 1, 2, kToyHidden));
  withSlice("which only a matrix has; its tensor has 3 dimensions",
            [](plan::SourceT &source) { source.shape = {kToyVocab + 2, kToyHidden + 4, 1}; });
  withSlice("its slice has 8 columns from number 2 on, which are no whole blocks of 32 (q8_0)",
            [](plan::SourceT &source) {
              source.format = "q8_0";
              source.shape[1] = 32;
              source.size = source.shape[0] * 34;
            });
  withSlice("name_in_file", [](plan::SourceT &source) { source.name_in_file = std::string("a\0b", 3); });

  expectInvalid("plus is 1 for f32 and transform none", [](plan::PlanT &plan) { plan.weights[1]->plus = 1; });
  expectInvalid("plus is 1 for bf16 and transform convert", [](plan::PlanT &plan) {
    plan.weights[0]->plus = 1;
    plan.weights[0]->format = "bf16";
  });
  expectInvalid("interleave is 0", [](plan::PlanT &plan) { plan.weights[0]->interleave = 0; });
  expectInvalid("interleave is 17", [](plan::PlanT &plan) { plan.weights[0]->interleave = 17; });
  expectInvalid("interleaved rows of f32, which has no words", [](plan::PlanT &plan) {
    plan.weights[0]->interleave = 2;
    plan.weights[0]->format = "f32";
  });
  expectInvalid("plus is nan", [](plan::PlanT &plan) { plan.weights[0]->plus = std::nanf(""); });
}

// Test: the pieces of a tensor cover it, and lie in files.
TEST_F(PlanFileTest, Pieces) {
  // The embedding of 32 x 8 values in two bands: one of a piece, one of two pieces side by side.
  auto withPieces = [&](const std::string &text, const std::function<void(plan::PlanT &, plan::SourceT &)> &change) {
    TempFolder folder;
    plan::PlanT plan = toyPlan(folder);
    plan::SourceT &source = *plan.weights[0]->sources[0];
    source.file = 0xffffffff;
    source.pieces = {{0, 0, 20, 0, 8, 0, 0, 0}, {8, 20, 12, 0, 6, 0, 0, 0}, {8, 20, 12, 6, 2, 0, 0, 0}};
    plan.weights[0]->transform = plan::WeightTransform::convert;
    change(plan, source);
    text.empty() ? (void)PlanFile::fromMemory(planBytes(packPlan(plan)), "toy.plan")
                 : expectRefusal(planBytes(packPlan(plan)), text);
  };
  auto piece = [](size_t number, plan::Piece piece) {
    return [=](plan::PlanT &, plan::SourceT &source) { source.pieces[number] = piece; };
  };
  withPieces("", [](plan::PlanT &, plan::SourceT &) {});
  const char *bad = "its 3 pieces are not a tensor of 32 x 8 elements";
  withPieces(bad, piece(0, {0, 0, 19, 0, 8, 0, 0, 0}));
  withPieces(bad, piece(0, {0, 0, 0, 0, 8, 0, 0, 0}));
  withPieces(bad, piece(0, {0, 0, 33, 0, 8, 0, 0, 0}));
  withPieces(bad, piece(1, {8, 20, 12, 0, 5, 0, 0, 0}));
  withPieces(bad, piece(1, {8, 20, 12, 0, 0, 0, 0, 0}));
  withPieces(bad, piece(2, {8, 20, 11, 6, 2, 0, 0, 0}));
  withPieces(bad, piece(2, {8, 20, 12, 6, UINT64_MAX, 0, 0, 0}));
  withPieces("its 2 pieces", [](plan::PlanT &, plan::SourceT &source) { source.pieces.pop_back(); });
  withPieces("its 3 pieces", [](plan::PlanT &, plan::SourceT &source) { source.file = 0; });
  withPieces("file is 1, the plan has 1", piece(2, {8, 20, 12, 6, 2, 0, 1, 0}));
  withPieces("leave its file", piece(2, {1000000, 20, 12, 6, 2, 0, 0, 0}));
  withPieces("leave its file", piece(2, {UINT64_MAX, 20, 12, 6, 2, 0, 0, 0}));
  withPieces("a piece of 8 columns has groups of 4 integers in the format bf16", piece(0, {0, 0, 20, 0, 8, 0, 0, 4}));
  withPieces("lies in pieces", [](plan::PlanT &plan, plan::SourceT &source) {
    plan.weights[0]->transform = plan::WeightTransform::none;
    plan.weights[0]->format = source.format;
  });
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
  withFiles("files[0].header is empty", [](plan::PlanT &plan) { plan.files[0]->header.clear(); });
  withFiles("files[0].header: bytes 8 and 1000000 more leave the file of",
            [](plan::PlanT &plan) { plan.files[0]->header[0] = plan::FileRange(8, 1000000); });
  withFiles("header_hash is not 16", [](plan::PlanT &plan) { plan.files[0]->header_hash.resize(15); });
  withFiles("content_hash is not 16", [](plan::PlanT &plan) { plan.files[0]->content_hash.resize(17); });
  withFiles("sample_hash is not 16", [](plan::PlanT &plan) { plan.files[0]->sample_hash.resize(1); });
  // One of them must be there.
  withFiles("sample_hash is not 16", [](plan::PlanT &plan) { plan.files[0]->content_hash.clear(); });
  withFiles("files[0].path", [](plan::PlanT &plan) { plan.files[0]->path = std::string("a\0b", 3); });
}

TEST_F(PlanFileTest, KernelsAndModules) {
  expectInvalid("no code modules", [](plan::PlanT &plan) { plan.modules.clear(); });
  expectInvalid("modules[0].bytes", [](plan::PlanT &plan) { plan.modules[0]->bytes.clear(); });
  expectInvalid("number of entries", [](plan::PlanT &plan) { plan.kernels[0]->entries.clear(); });
  expectInvalid("rows_per_block", [](plan::PlanT &plan) { plan.kernels[0]->entries[0]->grid->rows_per_block = 0; });
  expectInvalid("least_blocks", [](plan::PlanT &plan) { plan.kernels[0]->entries[0]->least_blocks = 0; });
  expectInvalid("grid.fixed", [](plan::PlanT &plan) { plan.kernels[0]->entries[0]->grid->fixed = 0; });
  expectInvalid("grid.rows", [](plan::PlanT &plan) { plan.kernels[0]->entries[0]->grid->rows = plan::RowDim(5); });
  expectInvalid("symbol", [](plan::PlanT &plan) { plan.kernels[0]->entries[0]->symbol = ""; });
  expectInvalid("scratch_bytes", [](plan::PlanT &plan) { plan.kernels[0]->scratch_bytes = 0xffffffff; });
}

// Test: what a CUDA device is told to launch and to map stays within its bounds and within the buffers.
TEST_F(PlanFileTest, Cuda) {
  auto withCuda = [&](const std::string &text, const std::function<void(plan::PlanT &)> &change) {
    plan::PlanT plan = toyPlan();
    plan.target->device = "cuda";
    for (int i = 0; i < 2; ++i) {
      plan.variants.push_back(std::make_unique<plan::VariantT>());
      plan.variants[i]->isa = "sm_80";
    }
    plan.modules.push_back(std::make_unique<plan::CodeModuleT>(*plan.modules[0]));
    for (uint32_t i = 0; i < 2; ++i) {
      plan.modules[i]->format = plan::CodeFormat::ptx;
      plan.modules[i]->isa = "sm_80";
      plan.modules[i]->ptx_version = 80;
      plan.modules[i]->variant = i;
      plan.programs[i]->variant = i;
    }
    for (auto &kernel : plan.kernels)
      for (auto &entry : kernel->entries)
        entry->threads = 128;
    // Over the residual stream: 8 f32 columns.
    plan::EntryT &mix = *plan.kernels[1]->entries[1];
    mix.tensor_maps.push_back(std::make_unique<plan::TensorMapT>());
    plan::TensorMapT &map = *mix.tensor_maps[0];
    map.rows = 1;
    map.columns = 8;
    map.box_rows = 8;
    map.box_columns = 8;
    change(plan);
    text.empty() ? (void)PlanFile::fromMemory(planBytes(packPlan(plan)), "toy.plan")
                 : expectRefusal(planBytes(packPlan(plan)), text);
  };
  auto entry = [](plan::PlanT &plan) -> plan::EntryT & { return *plan.kernels[1]->entries[1]; };
  auto map = [](plan::PlanT &plan) -> plan::TensorMapT & { return *plan.kernels[1]->entries[1]->tensor_maps[0]; };
  withCuda("", [](plan::PlanT &) {});
  withCuda("threads is 0", [&](plan::PlanT &plan) { entry(plan).threads = 0; });
  withCuda("threads is 1025", [&](plan::PlanT &plan) { entry(plan).threads = 1025; });
  withCuda("threads is 100, no whole number of warps", [&](plan::PlanT &plan) { entry(plan).threads = 100; });
  withCuda("shared_bytes", [&](plan::PlanT &plan) { entry(plan).shared_bytes = uint32_t(kMaxSharedBytes) + 1; });
  withCuda("grid.fixed", [&](plan::PlanT &plan) { entry(plan).grid->fixed = 0x80000000; });
  withCuda("cluster is 0", [&](plan::PlanT &plan) { entry(plan).cluster = 0; });
  withCuda("cluster is 9", [&](plan::PlanT &plan) { entry(plan).cluster = 9; });
  withCuda("no multiple of cluster 2", [&](plan::PlanT &plan) {
    entry(plan).cluster = 2;
    entry(plan).grid->fixed = 3;
  });
  withCuda("", [&](plan::PlanT &plan) {
    entry(plan).cluster = 2;
    entry(plan).grid->fixed = 4;
  });
  withCuda("blocks along the rows is 100000", [&](plan::PlanT &plan) { plan.programs[1]->max_rows = 100000; });
  withCuda("number of tensor maps is 17", [&](plan::PlanT &plan) {
    for (int i = 0; i < 16; ++i)
      entry(plan).tensor_maps.push_back(std::make_unique<plan::TensorMapT>(map(plan)));
  });
  withCuda("dtype is i32", [&](plan::PlanT &plan) { map(plan).dtype = plan::DType::i32; });
  withCuda("columns is 0", [&](plan::PlanT &plan) { map(plan).columns = 0; });
  withCuda("rows is", [&](plan::PlanT &plan) { map(plan).rows = UINT64_MAX; });
  withCuda("box_rows is 257", [&](plan::PlanT &plan) { map(plan).box_rows = 257; });
  withCuda("box_columns is 36", [&](plan::PlanT &plan) { map(plan).box_columns = 36; });
  withCuda("no multiples of 16 bytes", [&](plan::PlanT &plan) { map(plan).columns = 7; });
  withCuda("is for pointer 7, the step has 7", [&](plan::PlanT &plan) { map(plan).pointer = 7; });
  withCuda("leaves arena 64", [&](plan::PlanT &plan) { map(plan).rows = 2; });
  withCuda("leaves weight 1", [&](plan::PlanT &plan) {
    map(plan).pointer = 3;
    map(plan).rows = 2;
  });
  withCuda("leaves input 1", [&](plan::PlanT &plan) { map(plan).pointer = 1; });
  withCuda("leaves kv_layer 0", [&](plan::PlanT &plan) { map(plan).pointer = 4; });
  withCuda("modules[0].format is elf in a plan for cuda",
           [](plan::PlanT &plan) { plan.modules[0]->format = plan::CodeFormat::elf; });
  withCuda("modules[0].isa", [](plan::PlanT &plan) { plan.modules[0]->isa = ""; });
  withCuda("modules[1].variant is 2", [](plan::PlanT &plan) { plan.modules[1]->variant = 2; });
  withCuda("variant 0 has no code modules", [](plan::PlanT &plan) { plan.modules[0]->variant = 1; });
  withCuda("variant 1 has no programs", [](plan::PlanT &plan) { plan.programs[1]->variant = 0; });
  withCuda("variant is 2", [](plan::PlanT &plan) { plan.programs[1]->variant = 2; });
  withCuda("variants[1].isa", [](plan::PlanT &plan) { plan.variants[1]->isa = ""; });
  withCuda("number of variants is 17", [](plan::PlanT &plan) {
    while (plan.variants.size() < 17)
      plan.variants.push_back(std::make_unique<plan::VariantT>(*plan.variants[0]));
  });
  expectInvalid("has tensor maps in a plan for cpu", [](plan::PlanT &plan) {
    plan.kernels[1]->entries[1]->tensor_maps.push_back(std::make_unique<plan::TensorMapT>());
  });
  expectInvalid("modules[0].format is ptx in a plan for cpu",
                [](plan::PlanT &plan) { plan.modules[0]->format = plan::CodeFormat::ptx; });
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
  expectInvalid("kernel is 44",
                [](plan::PlanT &plan) { plan.programs[0]->sequences[1]->steps[0]->action.AsRunKernel()->kernel = 44; });
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
  expectInvalid("input 7", [](plan::PlanT &plan) { layerArg(plan, 1) = plan::Arg(7, 0, plan::ArgKind::input); });
  expectInvalid("kind is 99", [](plan::PlanT &plan) { layerArg(plan, 1) = plan::Arg(0, 0, plan::ArgKind(99)); });
}

// Test: a step that a compiler made for another kernel, or with other arguments than its kernel takes, is not run.
TEST_F(PlanFileTest, Launches) {
  auto step = [](plan::PlanT &plan, size_t sequence) -> plan::StepT & {
    return *plan.programs[1]->sequences[sequence]->steps[0];
  };
  expectInvalid("sequence 1, step 0: gives kernel logits_prefill 5 arguments, it takes 6",
                [&](plan::PlanT &plan) { step(plan, 1).action.AsRunKernel()->kernel = 3; });
  expectInvalid("gives kernel embed 3 arguments, it takes 0",
                [](plan::PlanT &plan) { plan.kernels[0]->params.clear(); });
  expectInvalid("argument 3 of kernel layer is arena, it takes weight",
                [](plan::PlanT &plan) { layerArg(plan, 3) = plan::Arg(64, 0, plan::ArgKind::arena); });
  expectInvalid("argument 0 of kernel layer is output, it takes activation",
                [](plan::PlanT &plan) { layerArg(plan, 0) = plan::Arg(0, 0, plan::ArgKind::output); });
  expectInvalid("argument 1 of kernel layer is sequences, it takes positions",
                [](plan::PlanT &plan) { layerArg(plan, 1) = plan::Arg(2, 0, plan::ArgKind::input); });
  // The last of the layers only: every iteration is looked at.
  expectInvalid("weight layers.4.w is 64 bytes of f32, it takes 32", [](plan::PlanT &plan) {
    plan.weights[5]->shape = plan.weights[5]->sources[0]->shape = {16};
    plan.weights[5]->sources[0]->size = 64;
  });
  expectInvalid("of f32, it takes 32 of bf16", [](plan::PlanT &plan) { plan.kernels[1]->params[3]->format = "bf16"; });
  expectInvalid("parameter 3: format is missing", [](plan::PlanT &plan) { plan.kernels[1]->params[3]->format = ""; });
  expectInvalid("rows of 64 bytes at 64 leave the arena",
                [](plan::PlanT &plan) { plan.kernels[1]->params[0]->bytes = 64; });
  expectInvalid("parameter 0: kind is 77",
                [](plan::PlanT &plan) { plan.kernels[0]->params[0]->kind = plan::ParamKind(77); });
  expectInvalid("parameter 0: input is missing, empty",
                [](plan::PlanT &plan) { plan.kernels[0]->params[0]->input.clear(); });
  expectInvalid("argument 0 of kernel embed is tokens, it takes nothing",
                [](plan::PlanT &plan) { plan.kernels[0]->params[0]->input = "nothing"; });
  expectInvalid("is recent_tokens, which kernels do not take", [&](plan::PlanT &plan) {
    plan.kernels[1]->params[1]->input = "recent_tokens";
    for (size_t program : {0, 1})
      plan.programs[program]->sequences[1]->steps[0]->args[1] = plan::Arg(5, 0, plan::ArgKind::input);
  });
}

// Test: a program takes and gives what the runtime knows, as the runtime has it.
TEST_F(PlanFileTest, ProgramValues) {
  expectInvalid(
      "program decode, input weather: this quipu does not know the name; it knows tokens, positions, sequences, "
      "output_rows, sample_rules, recent_tokens, random_numbers",
      [](plan::PlanT &plan) { plan.programs[0]->inputs[2]->name = "weather"; });
  expectInvalid("program decode, output gradients: this quipu does not know the name; it knows logits, greedy_tokens",
                [](plan::PlanT &plan) { plan.programs[0]->outputs[0]->name = "gradients"; });
  expectInvalid("input positions appears twice",
                [](plan::PlanT &plan) { plan.programs[0]->inputs[2]->name = "positions"; });
  expectInvalid("input 0: name is missing", [](plan::PlanT &plan) { plan.programs[0]->inputs[0]->name = ""; });
  expectInvalid("input tokens: type is 9",
                [](plan::PlanT &plan) { plan.programs[0]->inputs[0]->type = plan::ValueType(9); });
  expectInvalid("input tokens: rows is 9",
                [](plan::PlanT &plan) { plan.programs[0]->inputs[0]->rows = plan::RowDim(9); });
  expectInvalid("input tokens has 1 elements of f32 for each row of tokens, expected 1 of i32 for each of tokens",
                [](plan::PlanT &plan) { plan.programs[0]->inputs[0]->type = plan::ValueType::f32; });
  expectInvalid("input output_rows has 1 elements of i32 for each row of tokens, expected 1 of i32 for each of outputs",
                [](plan::PlanT &plan) { plan.programs[0]->inputs[3]->rows = plan::RowDim::tokens; });
  expectInvalid("output logits has 31 elements of f32 for each row of outputs, expected 32 of f32",
                [](plan::PlanT &plan) { plan.programs[0]->outputs[0]->columns = 31; });
}

// Test: what a copy, a collective or a sample needs is there.
TEST_F(PlanFileTest, StepActions) {
  auto addCopy = [](plan::PlanT &plan, uint64_t rowBytes, plan::Arg from, plan::Arg to) -> plan::CopyT & {
    plan::StepT &step = *plan.programs[1]->sequences[1]->steps.emplace_back(std::make_unique<plan::StepT>());
    plan::CopyT copy;
    copy.rows = plan::RowDim::tokens;
    copy.row_bytes = rowBytes;
    step.action.Set(std::move(copy));
    step.args = {from, to};
    return *step.action.AsCopy();
  };
  plan::Arg arena(64, 0, plan::ArgKind::arena), weight(1, 1, plan::ArgKind::weight),
      logits(0, 0, plan::ArgKind::output);
  expectInvalid("copies 12 rows of 64 bytes, which leave arena 64",
                [&](plan::PlanT &plan) { addCopy(plan, 64, arena, logits); });
  expectInvalid("copies 12 rows of 32 bytes, which leave weight 1",
                [&](plan::PlanT &plan) { addCopy(plan, 32, weight, arena); });
  expectInvalid("writes to weight, expected arena or output",
                [&](plan::PlanT &plan) { addCopy(plan, 32, arena, weight); });
  expectInvalid("row_bytes is 0", [&](plan::PlanT &plan) { addCopy(plan, 0, arena, arena); });
  expectInvalid("rows of the copy is 9",
                [&](plan::PlanT &plan) { addCopy(plan, 32, arena, arena).rows = plan::RowDim(9); });
  expectInvalid("has 1 arguments, expected from and to", [&](plan::PlanT &plan) {
    addCopy(plan, 32, arena, arena);
    plan.programs[1]->sequences[1]->steps.back()->args.pop_back();
  });

  auto collective = [](const std::function<void(plan::CollectiveT &)> &change) {
    return [=](plan::PlanT &plan) {
      plan::StepT &step = *plan.programs[1]->sequences[1]->steps.emplace_back(std::make_unique<plan::StepT>());
      plan::CollectiveT collective;
      collective.columns = 8;
      collective.devices = 2;
      change(collective);
      step.action.Set(std::move(collective));
      step.args = {plan::Arg(64, 0, plan::ArgKind::arena), plan::Arg(64, 0, plan::ArgKind::arena)};
    };
  };
  expectInvalid("kind of the collective is 7",
                collective([](plan::CollectiveT &it) { it.kind = plan::CollectiveKind(7); }));
  expectInvalid("devices of the collective is 1", collective([](plan::CollectiveT &it) { it.devices = 1; }));
  expectInvalid("columns of the collective is 0", collective([](plan::CollectiveT &it) { it.columns = 0; }));
  expectInvalid("dtype of the collective is i32",
                collective([](plan::CollectiveT &it) { it.dtype = plan::DType::i32; }));

  // The samples are the last sequence: greedy, drawn.
  auto sample = [](plan::PlanT &plan, size_t index) -> plan::StepT & {
    return *plan.programs[0]->sequences.back()->steps[index];
  };
  expectInvalid("mode of the sample is 5",
                [&](plan::PlanT &plan) { sample(plan, 0).action.AsSample()->mode = plan::SampleMode(5); });
  expectInvalid("a drawn sample has 2 arguments, expected 5",
                [&](plan::PlanT &plan) { sample(plan, 0).action.AsSample()->mode = plan::SampleMode::drawn; });
  expectInvalid("an argument of the sample is not the output logits",
                [&](plan::PlanT &plan) { sample(plan, 0).args[0] = plan::Arg(1, 0, plan::ArgKind::output); });
  expectInvalid("an argument of the sample is not the output greedy_tokens",
                [&](plan::PlanT &plan) { sample(plan, 0).args[1] = plan::Arg(2, 0, plan::ArgKind::output); });
  expectInvalid("argument 2: is not the input recent_tokens",
                [&](plan::PlanT &plan) { sample(plan, 1).args[2] = plan::Arg(6, 0, plan::ArgKind::input); });
  expectInvalid("a sample is repeated 2 times",
                [](plan::PlanT &plan) { plan.programs[0]->sequences.back()->repeat = 2; });
  expectInvalid("comes behind a sample; only other samples may",
                [](plan::PlanT &plan) { std::swap(plan.programs[0]->sequences[2], plan.programs[0]->sequences[3]); });
}

// Test: the head gives as many logits as the vocabulary has tokens, and greedy tokens of i32.
TEST_F(PlanFileTest, Head) {
  auto choosing = [](const std::function<void(plan::PlanT &)> &change) {
    return [=](plan::PlanT &plan) {
      chooseInKernel(plan);
      change(plan);
    };
  };
  expectInvalid("it gives 4 bytes of f32 a row where a token is 4 of i32",
                choosing([](plan::PlanT &plan) { plan.kernels[2]->params[6]->dtype = plan::DType::f32; }));
  expectInvalid("it gives 8 bytes of i32 a row where a token is 4 of i32",
                choosing([](plan::PlanT &plan) { plan.kernels[2]->params[6]->bytes = 8; }));
  expectInvalid("is the output drawn_tokens, which no kernel gives", choosing([](plan::PlanT &plan) {
                  plan.programs[0]->sequences[2]->steps[0]->args[6] = plan::Arg(2, 0, plan::ArgKind::output);
                }));
  expectInvalid("it gives 120 bytes of f32 a row where logits for config.vocab_size 32 are 128 of f32",
                [](plan::PlanT &plan) { plan.kernels[2]->params[5]->bytes = 120; });
  expectInvalid("it gives 128 bytes of bf16",
                [](plan::PlanT &plan) { plan.kernels[2]->params[5]->dtype = plan::DType::bf16; });
}

// Test: programs that score give an f32 a row, of targets, by a step of theirs.
TEST_F(PlanFileTest, Scores) {
  auto scoring = [](const std::function<void(plan::PlanT &)> &change) {
    return [=](plan::PlanT &plan) {
      addScorePrograms(plan);
      change(plan);
    };
  };
  auto lastStep = [](plan::PlanT &plan) -> plan::StepT & { return *plan.programs.back()->sequences.back()->steps[0]; };
  expectInvalid("it gives 8 bytes of f32 a row where a log_prob is 4 of f32",
                scoring([](plan::PlanT &plan) { plan.kernels.back()->params.back()->bytes = 8; }));
  expectInvalid("it gives 4 bytes of i32 a row where a log_prob is 4 of f32",
                scoring([](plan::PlanT &plan) { plan.kernels.back()->params.back()->dtype = plan::DType::i32; }));
  expectInvalid("program prefill_score, output log_probs: no step gives it", scoring([=](plan::PlanT &plan) {
                  plan.kernels.back()->params.back()->kind = plan::ParamKind::workspace;
                  for (auto &program : plan.programs)
                    program->sequences.back()->steps.back()->args.back() = plan::Arg(0, 0, plan::ArgKind::arena);
                  plan.programs.erase(plan.programs.begin() + 2);
                  plan.programs.erase(plan.programs.begin(), plan.programs.begin() + 2);
                }));
  expectInvalid("is tokens, it takes targets", scoring([=](plan::PlanT &plan) {
                  lastStep(plan).args[3] = plan::Arg(uint64_t(StepInput::Tokens), 0, plan::ArgKind::input);
                }));
  expectInvalid("is random_numbers, which kernels do not take", scoring([=](plan::PlanT &plan) {
                  plan.kernels.back()->params[3]->input = knownValue(StepInput::RandomNumbers).name;
                  for (size_t i : {2, 3})
                    plan.programs[i]->sequences.back()->steps[0]->args[3] =
                        plan::Arg(uint64_t(StepInput::RandomNumbers), 0, plan::ArgKind::input);
                }));
}

// Test: code that takes rows together is launched on whole tiles of them.
TEST_F(PlanFileTest, RowTiles) {
  auto align = [](plan::PlanT &plan, uint32_t rows, uint32_t rowsPerBlock) {
    plan.kernels[3]->row_align = rows;
    plan.kernels[3]->entries[0]->grid->rows = plan::RowDim::tokens;
    plan.kernels[3]->entries[0]->grid->rows_per_block = rowsPerBlock;
  };
  expectInvalid("row_align is 0", [&](plan::PlanT &plan) { align(plan, 0, 1); });
  expectInvalid("kernel logits_prefill takes 3 rows at a time, the program pads them to a multiple of 4",
                [&](plan::PlanT &plan) { align(plan, 3, 3); });
  expectInvalid("kernel logits_prefill: grid.rows_per_block is 2, no multiple of row_align 4",
                [&](plan::PlanT &plan) { align(plan, 4, 2); });
  plan::PlanT plan = toyPlan();
  align(plan, 4, 8);
  PlanFile::fromMemory(planBytes(packPlan(plan)), "toy.plan");
}

TEST_F(PlanFileTest, Tokenizer) {
  expectInvalid("tokenizer.model", [](plan::PlanT &plan) {
    plan.tokenizer = std::make_unique<plan::TokenizerT>();
    plan.tokenizer->kind = plan::TokenizerKind::sentencepiece;
  });
}
