//===- WeightsTest.cpp: files that moved, changed or are missing -------------------------===//

#include "runtime/core/Weights.h"
#include "runtime/core/RandomWeights.h"
#include "runtime/cpu/CpuDevice.h"
#include "test/runtime/ToyPlan.h"

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

using namespace quipu;
using namespace quipu::test;

namespace {

class WeightsTest : public testing::Test {
protected:
  WeightsTest() : path(folder.path("weights.safetensors")), planT(toyPlan(folder)) {
    plan = PlanFile::open(writeToyPlan(folder, planT));
  }

  std::unique_ptr<Weights> load(bool verify = false, WeightSource source = {}) {
    return std::make_unique<Weights>(*plan, device, source, verify);
  }
  std::string refusal(bool verify = false) {
    return errorOf([&] { load(verify); });
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

// Test: another time stamp alone is no change, with or without --verify.
TEST_F(WeightsTest, Touched) {
  setTime({12345, 678});
  EXPECT_NO_THROW(load());
  EXPECT_NO_THROW(load(/*verify=*/true));
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
  bytes[7] = 1;
  writeFile(path, bytes);
  setTime(before.st_mtim);
  EXPECT_NE(refusal().find("leaves the file"), std::string::npos);
  std::filesystem::resize_file(path, bytes.size() - 1);
  EXPECT_NE(refusal().find("bytes, expected"), std::string::npos);
  std::filesystem::resize_file(path, 0);
  EXPECT_NE(refusal().find("0 bytes, expected"), std::string::npos);
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
