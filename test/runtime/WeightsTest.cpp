//===- WeightsTest.cpp: files that moved, changed or are missing -------------------------===//

#include "runtime/core/Weights.h"
#include "runtime/abi/InterleavedRows.h"
#include "runtime/abi/RandomWeights.h"
#include "runtime/cpu/CpuDevice.h"
#include "runtime/support/Progress.h"
#include "runtime/support/WeightIdentity.h"
#include "test/runtime/ToyPlan.h"

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <limits>
#include <map>
#include <sys/stat.h>

using namespace quipu;
using namespace quipu::test;

namespace {

class WeightsTest : public testing::Test, ProgressListener {
protected:
  WeightsTest() : path(folder.path("weights.safetensors")), planT(toyPlan(folder)) {
    plan = PlanFile::open(writeToyPlan(folder, planT));
  }
  ~WeightsTest() override { setProgressListener(nullptr); }

  std::unique_ptr<Weights> load(bool verify = false, WeightSource source = {}) {
    ModelOptions options;
    options.weights = source;
    options.verifyWeights = verify;
    options.note = [this](const std::string &remark) { remarks += remark; };
    hashed = 0;
    work.clear();
    setProgressListener(this);
    auto weights = std::make_unique<Weights>(*plan, device, options);
    setProgressListener(nullptr);
    return weights;
  }
  std::string refusal(bool verify = false) {
    return errorOf([&] { load(verify); });
  }
  void begin(const Progress &) override {}
  void end(const Progress &progress) override {
    if (progress.what.starts_with("compare "))
      hashed += progress.done();
    else if (progress.total > 0)
      work[progress.what] = {progress.done(), progress.total};
  }
  /// Changes one byte of the weights' data; `keepTime` hides it from the time stamp.
  void alter(bool keepTime) {
    struct stat before;
    ASSERT_EQ(stat(path.c_str(), &before), 0);
    std::vector<uint8_t> bytes = readFile(path);
    bytes[bytes.size() - 3] ^= 1;
    writeFile(path, bytes);
    setTime(keepTime ? before.st_mtim : timespec{12345, 0});
  }
  void setTime(timespec time) {
    timespec times[2] = {time, time};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  const float *values(const Weights &weights, size_t index) {
    return static_cast<const float *>(weights.pointer(index));
  }

  TempFolder folder;
  std::string path;
  plan::PlanT planT;
  std::shared_ptr<const PlanFile> plan;
  CpuDevice device{2, false};
  std::string remarks;
  uint64_t hashed = 0;
  /// Bytes done and bytes announced, by what was announced.
  std::map<std::string, std::pair<uint64_t, uint64_t>> work;
};

/// A plan that knows samples of its weights alone. The last tensor is so long that its middle is in none.
class SampledWeightsTest : public WeightsTest {
protected:
  static constexpr uint64_t kColumns = 100000;

  SampledWeightsTest() {
    auto source = std::make_unique<plan::SourceT>();
    source->name = "long";
    source->file = 0;
    source->offset = planT.files[0]->size;
    source->size = kColumns * 2;
    source->format = "bf16";
    source->shape = {1, kColumns};
    auto weight = std::make_unique<plan::WeightT>();
    weight->name = "long";
    weight->format = "bf16";
    weight->shape = source->shape;
    weight->sources.push_back(std::move(source));
    planT.weights.push_back(std::move(weight));
    std::vector<uint8_t> bytes = readFile(path);
    bytes.resize(bytes.size() + kColumns * 2, 1);
    writeFile(path, bytes);
    planT.files[0]->size = bytes.size();
    planT.files[0]->content_hash.clear();
    planT.files[0]->mtime_ns = 0;
    std::vector<ByteRange> tensors;
    for (const auto &each : planT.weights)
      for (const auto &part : each->sources)
        tensors.push_back({part->offset, part->size});
    Hash128 hash = hashSamples(*MappedFile::open(path, "weight file"), sampleRanges(tensors));
    planT.files[0]->sample_hash.assign(hash.begin(), hash.end());
    plan = PlanFile::open(writeToyPlan(folder, planT));
  }
  void change(uint64_t fromTheEnd) {
    std::vector<uint8_t> bytes = readFile(path);
    bytes[bytes.size() - fromTheEnd] ^= 1;
    writeFile(path, bytes);
  }
};

} // namespace

// Test: in place where nothing changes, own memory where the plan converts or joins; the values are the file's.
TEST_F(WeightsTest, Materialised) {
  auto weights = load();
  ToyWeights expected = toyWeights();
  EXPECT_EQ(memcmp(values(*weights, 0), expected.embedding.data(), expected.embedding.size() * 4), 0);
  for (size_t layer = 0; layer < size_t(kToyLayers); ++layer)
    EXPECT_EQ(memcmp(values(*weights, 1 + layer), expected.layers.data() + layer * kToyHidden, kToyHidden * 4), 0);
  EXPECT_EQ(memcmp(values(*weights, 1 + kToyLayers), expected.scale.data(), expected.scale.size() * 4), 0);
  EXPECT_EQ(weights->bytes(), uint64_t(kToyVocab + kToyLayers + 1) * kToyHidden * 4);
  EXPECT_EQ(weights->ownedBytes(), uint64_t(kToyVocab * kToyHidden * 4 + 64));
}

// Test: how far it is, is said of all bytes that are written, in words for what is done.
TEST_F(WeightsTest, Progress) {
  using Work = std::map<std::string, std::pair<uint64_t, uint64_t>>;
  // The embedding and the last weight are; the others stay in their file.
  load();
  constexpr uint64_t kConverted = (kToyVocab + 1) * kToyHidden * 4;
  EXPECT_EQ(work, (Work{{"convert the weights", {kConverted, kConverted}}}));
  uint64_t all = load(false, WeightSource::random(5))->bytes();
  EXPECT_EQ(work, (Work{{"make random weights", {all, all}}}));
}

// Test: another time stamp alone is no change, with or without --verify.
TEST_F(WeightsTest, Touched) {
  setTime({12345, 678});
  EXPECT_NO_THROW(load());
  // The content decided, which a remark would only repeat.
  EXPECT_EQ(hashed, planT.files[0]->size);
  EXPECT_EQ(remarks, "");
  EXPECT_NO_THROW(load(/*verify=*/true));
}

// Test: with an equal time nothing is hashed.
TEST_F(WeightsTest, NothingIsHashedForNothing) {
  load();
  EXPECT_EQ(hashed, 0u);
}

// Test: a copy whose samples agree is taken, and the user hears what was compared.
TEST_F(SampledWeightsTest, CopyIsAcceptedWithARemark) {
  EXPECT_NO_THROW(load());
  EXPECT_NE(remarks.find(path + ": has another time"), std::string::npos) << remarks;
  EXPECT_NE(remarks.find("samples of all tensors agree"), std::string::npos) << remarks;
  EXPECT_EQ(hashed, 0u);
}

// Test: other values at the end of any tensor are found without reading all; those between the samples are not.
TEST_F(SampledWeightsTest, SamplesDecide) {
  for (uint64_t place : {uint64_t(1), uint64_t(65536), 2 * kColumns, 2 * kColumns + 1}) {
    change(place);
    EXPECT_NE(refusal().find("the values of its tensors differ"), std::string::npos) << place;
    change(place);
  }
  change(kColumns);
  EXPECT_NO_THROW(load());
}

// Test: what was not hashed cannot be verified, and is not called verified.
TEST_F(SampledWeightsTest, VerifyNeedsAHashOfAllBytes) {
  EXPECT_NE(refusal(/*verify=*/true).find("cannot be verified"), std::string::npos);
  change(1);
  EXPECT_NE(refusal(/*verify=*/true).find("values of its tensors differ"), std::string::npos);
}

// Test: both ends of every tensor, without overlap, in order, whatever the order of the tensors; less of each of many.
TEST(SampleRanges, BothEndsOfEachTensor) {
  constexpr uint64_t k = 1024;
  EXPECT_EQ(sampleRanges({}), std::vector<ByteRange>());
  EXPECT_EQ(sampleRanges({{1000 * k, 1 * k}, {0, 1000 * k}, {0, 1000 * k}}),
            (std::vector<ByteRange>{{0, 64 * k}, {936 * k, 65 * k}}));
  EXPECT_EQ(sampleRanges({{10, 100 * k}}), (std::vector<ByteRange>{{10, 100 * k}}));
  EXPECT_EQ(sampleRanges({{10, 0}}), (std::vector<ByteRange>{{10, 0}}));
  // One inside another.
  EXPECT_EQ(sampleRanges({{0, 100 * k}, {80 * k, 10 * k}}), (std::vector<ByteRange>{{0, 100 * k}}));
  std::vector<ByteRange> many;
  for (uint64_t i = 0; i < 40000; ++i)
    many.push_back({i * 20 * k, 20 * k});
  std::vector<ByteRange> samples = sampleRanges(many);
  EXPECT_EQ(samples.front(), (ByteRange{0, 4 * k}));
  EXPECT_EQ(samples.back(), (ByteRange{40000 * 20 * k - 4 * k, 4 * k}));
  EXPECT_EQ(samples.size(), 40001u);
}

// Test: where the time differs the content decides.
TEST_F(WeightsTest, AlteredWithAnotherTime) {
  alter(/*keepTime=*/false);
  std::string message = refusal();
  EXPECT_NE(message.find(path), std::string::npos) << message;
  EXPECT_NE(message.find("content differs; compile the model again"), std::string::npos) << message;
}

// Test: a change behind an equal time is found when asked for.
TEST_F(WeightsTest, AlteredWithTheSameTime) {
  alter(/*keepTime=*/true);
  EXPECT_NO_THROW(load());
  EXPECT_NE(refusal(/*verify=*/true).find("content differs"), std::string::npos);
}

// Test: size and header are looked at always.
TEST_F(WeightsTest, OtherSizeOrHeader) {
  struct stat before;
  ASSERT_EQ(stat(path.c_str(), &before), 0);
  std::vector<uint8_t> bytes = readFile(path);
  bytes[10] ^= 1;
  writeFile(path, bytes);
  setTime(before.st_mtim);
  EXPECT_NE(refusal().find("header differs"), std::string::npos);
  std::filesystem::resize_file(path, bytes.size() - 1);
  EXPECT_NE(refusal().find("bytes, expected"), std::string::npos);
  std::filesystem::resize_file(path, 0);
  EXPECT_NE(refusal().find("0 bytes, expected"), std::string::npos);
}

// Test: which bytes are the header is the plan's to say: those of a format that has them at both ends of the file, say.
TEST_F(WeightsTest, HeaderWhereThePlanSays) {
  struct stat before;
  ASSERT_EQ(stat(path.c_str(), &before), 0);
  std::vector<uint8_t> bytes = readFile(path);
  std::vector<ByteRange> header = {{bytes.size() - 16, 16}, {0, 4}};
  planT.files[0]->header.clear();
  for (const ByteRange &range : header)
    planT.files[0]->header.emplace_back(range.offset, range.size);
  Hash128 hash = hashRanges(bytes, header);
  planT.files[0]->header_hash.assign(hash.begin(), hash.end());
  plan = PlanFile::open(writeToyPlan(folder, planT, "ends.plan"));
  EXPECT_NO_THROW(load());
  auto alter = [&](size_t place) {
    std::vector<uint8_t> altered = bytes;
    altered[place] ^= 1;
    writeFile(path, altered);
    setTime(before.st_mtim);
  };
  for (size_t place : {size_t(0), size_t(3), bytes.size() - 16, bytes.size() - 1}) {
    alter(place);
    EXPECT_NE(refusal().find("header differs"), std::string::npos) << place;
  }
  // No byte of the header.
  alter(4);
  EXPECT_NO_THROW(load());
}

// Test: plan and weights copied together to another folder, the old one gone.
TEST_F(WeightsTest, MovedTogether) {
  TempFolder other;
  std::filesystem::copy(path, other.path("weights.safetensors"));
  std::filesystem::copy(folder.path("toy.plan"), other.path("toy.plan"));
  std::filesystem::remove(path);
  plan = PlanFile::open(other.path("toy.plan"));
  EXPECT_NO_THROW(load());
}

// Test: the plan alone moved; beside it lies another file of that name.
TEST_F(WeightsTest, FallsBackToTheAbsolutePath) {
  TempFolder other;
  std::filesystem::copy(folder.path("toy.plan"), other.path("toy.plan"));
  plan = PlanFile::open(other.path("toy.plan"));
  EXPECT_NO_THROW(load());
  writeFile(other.path("weights.safetensors"), std::vector<uint8_t>(10));
  EXPECT_NO_THROW(load());
  std::filesystem::remove(path);
  EXPECT_NE(refusal().find(other.path("weights.safetensors") + ": the weights changed"), std::string::npos);
}

TEST_F(WeightsTest, Missing) {
  std::filesystem::remove(path);
  std::string message = refusal();
  EXPECT_NE(message.find("not found at " + path), std::string::npos) << message;
  // Values from a seed need no file.
  EXPECT_NO_THROW(load(false, WeightSource::random(1)));
}

// Test: random values follow the sources, whatever the plan does with them.
TEST_F(WeightsTest, Random) {
  auto weights = load(false, WeightSource::random(5));
  std::vector<float> expected(kToyVocab * kToyHidden);
  fillRandom("embed.weight", 5, plan::WeightRole::embedding, kToyHidden, 0, expected.size(), expected.data());
  EXPECT_EQ(memcmp(values(*weights, 0), expected.data(), expected.size() * 4), 0);
  fillRandom("layers.2.w", 5, plan::WeightRole::bias, kToyHidden, 0, kToyHidden, expected.data());
  EXPECT_EQ(memcmp(values(*weights, 3), expected.data(), kToyHidden * 4), 0);
  EXPECT_EQ(values(*weights, 1 + kToyLayers)[7], 1.0f);
}

// Test: slices of tensors of f32: rows lie in the file, columns are copied; random values are the tensor's.
TEST_F(WeightsTest, Slices) {
  // The layers' vectors, which follow each other, as one tensor.
  constexpr uint64_t kRows = kToyLayers, D = kToyHidden;
  auto tensor = [&](plan::Slice slice) {
    auto source = std::make_unique<plan::SourceT>(*planT.weights[1]->sources[0]);
    source->name = "all";
    source->shape = {kRows, D};
    source->size = kRows * D * 4;
    source->slice = std::make_unique<plan::Slice>(slice);
    return source;
  };
  auto add = [&](std::vector<plan::Slice> slices, plan::WeightTransform transform, float plus) {
    auto weight = std::make_unique<plan::WeightT>();
    weight->name = "slices";
    weight->format = "f32";
    weight->transform = transform;
    weight->plus = plus;
    uint64_t rows = 0;
    for (const plan::Slice &slice : slices) {
      weight->sources.push_back(tensor(slice));
      weight->sources.back()->first_row = rows;
      rows += slice.rows();
    }
    weight->shape = {rows, slices.front().columns()};
    planT.weights.push_back(std::move(weight));
    return planT.weights.size() - 1;
  };
  size_t rows = add({{1, 2, 0, D}}, plan::WeightTransform::none, 0);
  size_t part = add({{2, 1, 2, 3}}, plan::WeightTransform::none, 0);
  size_t columns = add({{1, 3, 2, 3}}, plan::WeightTransform::none, 0);
  size_t joined = add({{3, 2, 1, 4}, {0, 1, 3, 4}}, plan::WeightTransform::concat, 0);
  size_t sum = add({{1, 2, 2, 3}}, plan::WeightTransform::convert, 1);
  plan = PlanFile::open(writeToyPlan(folder, planT));
  auto weights = load();
  std::vector<float> all = toyWeights().layers;
  auto expectSlice = [&](size_t index, plan::Slice slice, size_t firstRow, float plus) {
    for (uint64_t row = 0; row < slice.rows(); ++row)
      for (uint64_t column = 0; column < slice.columns(); ++column) {
        // The values may lie at any even place of the file.
        float value;
        const char *bytes = reinterpret_cast<const char *>(values(*weights, index));
        memcpy(&value, bytes + 4 * ((firstRow + row) * slice.columns() + column), sizeof(value));
        EXPECT_EQ(value, all[(slice.first_row() + row) * D + slice.first_column() + column] + plus)
            << "weight " << index << ", row " << row << ", column " << column;
      }
  };
  auto expectAll = [&](float plus) {
    expectSlice(rows, {1, 2, 0, D}, 0, 0);
    expectSlice(part, {2, 1, 2, 3}, 0, 0);
    expectSlice(columns, {1, 3, 2, 3}, 0, 0);
    expectSlice(joined, {3, 2, 1, 4}, 0, 0);
    expectSlice(joined, {0, 1, 3, 4}, 2, 0);
    expectSlice(sum, {1, 2, 2, 3}, 0, plus);
  };
  expectAll(1);
  // What has no gap stays in the mapped file, the first two values of a row behind the row's begin.
  EXPECT_EQ(values(*weights, part), values(*weights, rows) + D + 2);
  EXPECT_EQ(weights->ownedBytes(), uint64_t(kToyVocab * D * 4 + 64 + 3 * 64));
  // Numbers from a seed are those of the whole tensor. Nothing is added to them.
  all.resize(kRows * D);
  fillRandom("all", 9, plan::WeightRole::matrix, D, 0, all.size(), all.data());
  weights = load(false, WeightSource::random(9));
  expectAll(0);
}

// Test: a tensor in pieces is one tensor, whole and as a slice; other values of a piece are noticed.
TEST_F(WeightsTest, Pieces) {
  // The layers' vectors, which follow each other in the file, as columns of one matrix.
  constexpr uint64_t kRows = 4, kColumns = kToyHidden / 4 * kToyLayers, kOfLayer = kToyHidden / 4;
  auto source = std::make_unique<plan::SourceT>(*planT.weights[1]->sources[0]);
  uint64_t offset = source->offset;
  source->name = "joined";
  source->shape = {kRows, kColumns};
  source->size = kRows * kColumns * 4;
  source->file = 0xffffffff;
  for (uint64_t layer = 0; layer < kToyLayers; ++layer)
    source->pieces.emplace_back(offset + layer * kToyHidden * 4, 0, kRows, layer * kOfLayer, kOfLayer, 0, 0, 0);
  auto slice = std::make_unique<plan::SourceT>(*source);
  slice->slice = std::make_unique<plan::Slice>(1, 2, 1, kColumns - 2);
  for (plan::SourceT *each : {source.get(), slice.get()}) {
    auto weight = std::make_unique<plan::WeightT>();
    weight->name = each->name;
    weight->format = "f32";
    weight->shape = {each->slice ? each->slice->rows() : kRows, each->slice ? each->slice->columns() : kColumns};
    weight->transform = plan::WeightTransform::convert;
    weight->sources.push_back(std::make_unique<plan::SourceT>(*each));
    planT.weights.push_back(std::move(weight));
  }
  plan = PlanFile::open(writeToyPlan(folder, planT));
  std::vector<float> layers = toyWeights().layers;
  size_t whole = planT.weights.size() - 2;
  auto weights = load();
  for (uint64_t row = 0; row < kRows; ++row)
    for (uint64_t column = 0; column < kColumns; ++column) {
      float expected = layers[column / kOfLayer * kToyHidden + row * kOfLayer + column % kOfLayer];
      EXPECT_EQ(values(*weights, whole)[row * kColumns + column], expected) << row << ", " << column;
      if (row >= 1 && row < 3 && column >= 1 && column < kColumns - 1)
        EXPECT_EQ(values(*weights, whole + 1)[(row - 1) * (kColumns - 2) + column - 1], expected);
    }
  // Values from a seed know no pieces.
  std::vector<float> random(kRows * kColumns);
  fillRandom("joined", 9, plan::WeightRole::matrix, kColumns, 0, random.size(), random.data());
  weights = load(false, WeightSource::random(9));
  EXPECT_EQ(memcmp(values(*weights, whole), random.data(), random.size() * 4), 0);
}

// Test: integers and scales that lie apart make blocks.
TEST_F(WeightsTest, Groups) {
  constexpr uint64_t kRows = 3, kColumns = 128, kGroup = 64;
  std::vector<uint8_t> bytes = readFile(path);
  std::vector<float> scales;
  uint64_t integersAt = bytes.size() + 1;
  bytes.push_back(0);
  for (uint64_t i = 0; i < kRows * kColumns; ++i)
    bytes.push_back(uint8_t(i * 37));
  uint64_t scalesAt = bytes.size();
  for (uint64_t i = 0; i < kRows * kColumns / kGroup; ++i)
    scales.push_back(0.5f + float(i) / 3);
  const auto *data = reinterpret_cast<const uint8_t *>(scales.data());
  bytes.insert(bytes.end(), data, data + scales.size() * sizeof(float));
  writeFile(path, bytes);
  auto source = std::make_unique<plan::SourceT>();
  source->name = "groups";
  source->format = "q8_f32";
  source->shape = {kRows, kColumns};
  source->size = kRows * kColumns / 32 * 36;
  source->file = 0xffffffff;
  source->pieces.emplace_back(integersAt, 0, kRows, 0, kColumns, scalesAt, 0, kGroup);
  for (const char *format : {"q8_f32", "f32"}) {
    auto weight = std::make_unique<plan::WeightT>();
    weight->name = format;
    weight->format = format;
    weight->shape = source->shape;
    weight->transform = plan::WeightTransform::convert;
    weight->sources.push_back(std::make_unique<plan::SourceT>(*source));
    planT.weights.push_back(std::move(weight));
  }
  planT.files[0]->size = bytes.size();
  planT.files[0]->content_hash.clear();
  struct stat status;
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  planT.files[0]->mtime_ns = int64_t(status.st_mtim.tv_sec) * 1000000000 + status.st_mtim.tv_nsec;
  planT.files[0]->sample_hash.assign(16, 0);
  plan = PlanFile::open(writeToyPlan(folder, planT));
  auto weights = load();
  size_t last = planT.weights.size() - 1;
  std::vector<float> decoded(kRows * kColumns);
  decodeBlocks(*findWeightFormat("q8_f32"), weights->pointer(last - 1), decoded.data(), decoded.size());
  for (uint64_t i = 0; i < decoded.size(); ++i) {
    float expected = float(int8_t(uint8_t(i * 37))) * scales[i / kGroup];
    EXPECT_EQ(decoded[i], expected) << i;
    EXPECT_EQ(values(*weights, last)[i], expected) << i;
  }
}

/// A plan whose last weight is a matrix of 100 x 64 numbers, rounded to blocks as it is loaded.
class BlockWeightsTest : public WeightsTest {
protected:
  static constexpr uint64_t kRows = 100, kColumns = 64;
  const WeightFormat &format = *findWeightFormat("q8_0");

  BlockWeightsTest() {
    for (size_t i = 0; i < kRows * kColumns; ++i)
      matrix.push_back(float(i * 37 % 1009) / 64 - 7);
  }

  /// Writes the matrix into the file as f32, and makes the plan for it.
  void makePlan() {
    auto source = std::make_unique<plan::SourceT>();
    source->name = "matrix.weight";
    source->file = 0;
    source->offset = planT.files[0]->size;
    source->size = matrix.size() * 4;
    source->format = "f32";
    source->shape = {kRows, kColumns};
    auto weight = std::make_unique<plan::WeightT>();
    weight->name = "matrix";
    weight->format = format.name;
    weight->shape = source->shape;
    weight->transform = plan::WeightTransform::convert;
    weight->interleave = interleave;
    weight->sources.push_back(std::move(source));
    planT.weights.push_back(std::move(weight));
    std::vector<uint8_t> bytes = readFile(path);
    const auto *data = reinterpret_cast<const uint8_t *>(matrix.data());
    bytes.insert(bytes.end(), data, data + matrix.size() * 4);
    writeFile(path, bytes);
    planT.files[0]->size = bytes.size();
    struct stat status;
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    planT.files[0]->mtime_ns = int64_t(status.st_mtim.tv_sec) * 1000000000 + status.st_mtim.tv_nsec;
    plan = PlanFile::open(writeToyPlan(folder, planT));
  }

  std::vector<float> matrix;
  uint32_t interleave = 1;
};

// Test: a matrix is kept in blocks, which are made of its values in the file, or of those of a seed.
TEST_F(BlockWeightsTest, Quantises) {
  makePlan();
  size_t last = planT.weights.size() - 1;
  std::vector<uint8_t> expected(kRows * kColumns / 32 * 34);
  EXPECT_EQ(weightBytes(*plan->plan().weights()->Get(unsigned(last))), expected.size());
  EXPECT_FALSE(encodeBlocks(format, matrix.data(), expected.data(), matrix.size()));
  auto loaded = load();
  EXPECT_EQ(memcmp(loaded->pointer(last), expected.data(), expected.size()), 0);

  fillRandom("matrix.weight", 9, plan::WeightRole::matrix, kColumns, 0, matrix.size(), matrix.data());
  EXPECT_FALSE(encodeBlocks(format, matrix.data(), expected.data(), matrix.size()));
  auto random = load(false, WeightSource::random(9));
  EXPECT_EQ(memcmp(random->pointer(last), expected.data(), expected.size()), 0);
}

// Test: rows of blocks are interleaved when they are loaded, in groups that divide the matrix.
TEST_F(BlockWeightsTest, Interleaves) {
  interleave = 4;
  makePlan();
  constexpr uint64_t kRowBytes = kColumns / 32 * 34;
  std::vector<char> blocks(kRows * kRowBytes), expected(blocks.size());
  EXPECT_FALSE(encodeBlocks(format, matrix.data(), blocks.data(), matrix.size()));
  for (uint64_t row = 0; row < kRows; row += interleave)
    interleaveRows(format, interleave, kRowBytes, &blocks[row * kRowBytes], &expected[row * kRowBytes]);
  auto loaded = load();
  EXPECT_EQ(memcmp(loaded->pointer(planT.weights.size() - 1), expected.data(), expected.size()), 0);
  EXPECT_NE(blocks, expected);
}

// Test: who wants weights to be read in their files hears that these are not.
TEST_F(BlockWeightsTest, SaysWhatMappingCannotKeep) {
  interleave = 4;
  makePlan();
  ModelOptions options;
  options.mapWeights = true;
  options.note = [this](const std::string &remark) { remarks += remark; };
  Weights(*plan, device, options);
  EXPECT_NE(remarks.find("--map-weights: 1 MiB of weights in blocks are copied all the same"), std::string::npos)
      << remarks;
}

TEST_F(BlockWeightsTest, RefusesOtherGroups) {
  interleave = 8;
  EXPECT_NE(errorOf([&] { makePlan(); }).find("weight matrix has 100 rows, of which 8 each are interleaved"),
            std::string::npos);
}

// Test: a value that no block can hold is named.
TEST_F(BlockWeightsTest, RefusesValues) {
  matrix[5 * kColumns + 7] = -std::numeric_limits<float>::infinity();
  makePlan();
  EXPECT_NE(refusal().find("toy.plan: tensor matrix.weight: row 5, column 7 is -inf, which no block of q8_0 can hold; "
                           "mend the weights, or compile without --quantize"),
            std::string::npos)
      << refusal();
}

TEST_F(WeightsTest, BareConfigNeedsASeed) {
  plan = PlanFile::fromMemory(planBytes(packPlan(toyPlan())), "bare.plan");
  std::string message = refusal();
  EXPECT_NE(message.find("--weights random:SEED"), std::string::npos) << message;
  EXPECT_NO_THROW(load(false, WeightSource::random(0)));
}

TEST(WeightSourceTest, Parse) {
  EXPECT_FALSE(WeightSource::parse("files").seed.has_value());
  EXPECT_EQ(*WeightSource::parse("random:17").seed, 17u);
  for (const char *text : {"", "random", "random:", "random:-1", "random:1x", "other"})
    EXPECT_NE(errorOf([&] { WeightSource::parse(text); }).find("random:SEED"), std::string::npos);
}
