//===- CudaRefusalTest.cpp: what a machine cannot run, and which variant it runs ---------===//

#include "runtime/core/Device.h"
#include "runtime/cuda/CudaProperties.h"
#include "runtime/cuda/CudaVariant.h"
#include "test/runtime/FakeCudaTest.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

using namespace quipu;
using namespace quipu::test;

namespace {

class CudaRefusalTest : public FakeCudaTest {
protected:
  /// All that is wrong on this machine is one line that says what to do.
  std::string refusedLine(const ModelOptions &options = {}) {
    std::string text = refusal(cudaPlan(), options);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 0) << text;
    return text;
  }
  std::string variantOf(const ModelOptions &options = {}) { return Model::load(cudaPlan(), options)->variantIsa(); }
};

ModelOptions onDevice(const std::string &device) {
  ModelOptions options;
  options.device = device;
  return options;
}

ModelOptions withVariant(const std::string &isa) {
  ModelOptions options;
  options.variant = isa;
  return options;
}

} // namespace

TEST_F(CudaRefusalTest, NoDriver) {
  setenv("QUIPU_CUDA_DRIVER", "/nowhere/libcuda.so.1", 1);
  std::string text = refusedLine();
  expectHas(text, "no CUDA driver");
  expectHas(text, "/nowhere/libcuda.so.1");
  expectHas(text, "--target cpu");
  // A library that is no driver.
  setenv("QUIPU_CUDA_DRIVER", QUIPU_TOY_KERNELS, 1);
  expectHas(refusedLine(), "has no cuInit");
}

TEST_F(CudaRefusalTest, NoGpu) {
  fake.initResult = 100;
  reloadDriver();
  expectHas(refusedLine(), "no GPU that CUDA can use");
  fake.initResult = 999;
  expectHas(refusedLine(), "the CUDA driver does not start (cuInit: fake trouble (999)); check nvidia-smi");
  fake.initResult = 0;
  fake.devices = 0;
  expectHas(refusedLine(), "no GPU that CUDA can use");
}

TEST_F(CudaRefusalTest, NoSuchDevice) {
  expectHas(refusedLine(onDevice("cuda:9")),
            "device cuda:9: not on this machine, which has cuda:0 (Fake GPU), cuda:1 (Fake GPU)");
  for (const char *name : {"cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:99999999999"})
    expectHas(refusedLine(onDevice(name)), "expected cuda or cuda:N");
  expectHas(refusedLine(onDevice("vulkan")), "this quipu has: cpu, cuda, cuda:N");
  EXPECT_EQ(cudaDeviceNumber("cuda"), 0);
  EXPECT_EQ(cudaDeviceNumber("cuda:17"), 17);
}

TEST_F(CudaRefusalTest, PlanForAnotherDevice) {
  std::string text = refusedLine(onDevice("cpu"));
  expectHas(text, "the plan is for device cuda, not for the cpu; run it with --device cuda");
  text = refusal(PlanFile::open(writeToyPlan(folder, toyPlan(folder))), onDevice("cuda:1"));
  expectHas(text, "the plan is for device cpu, not for cuda; run it with --device cpu");
}

TEST_F(CudaRefusalTest, Device) {
  std::unique_ptr<Device> device = Device::create("cuda:1", 0, false);
  EXPECT_STREQ(device->name(), "cuda:1");
  expectHas(device->description(), "Fake GPU, driver ");
  EXPECT_EQ(cudaDevices().size(), 2u);
  EXPECT_EQ(cudaProperties(1).capabilityText(), "9.0");
}

// Test: a cubin only on its own architecture, PTX with a letter too; plain PTX on later ones.
TEST_F(CudaRefusalTest, VariantOfGpu) {
  EXPECT_EQ(variantOf(), "sm_90a");
  ASSERT_EQ(fake.modules.size(), 1u);
  EXPECT_TRUE(fake.modules[0].starts_with("cubin "));
  fake.mixHasMap = false;
  for (int capability : {80, 86, 89, 100, 120}) {
    fake.capability = capability;
    fake.modules.clear();
    EXPECT_EQ(variantOf(), "sm_80") << capability;
    ASSERT_EQ(fake.modules.size(), 1u);
    EXPECT_TRUE(fake.modules[0].starts_with("ptx "));
  }
}

TEST_F(CudaRefusalTest, ForcedVariant) {
  EXPECT_EQ(variantOf(withVariant("sm_90a")), "sm_90a");
  EXPECT_EQ(variantOf(withVariant("sm_80")), "sm_80");
  expectHas(refusedLine(withVariant("sm_75")), "has no variant for sm_75; it has sm_90a, sm_80");
  fake.capability = 86;
  expectHas(refusedLine(withVariant("sm_90a")), "cannot run it: sm_90a needs a GPU of capability 9.0");
  expectHas(refusedLine(withVariant("sm_90a")), "compile the model with --target cuda:sm_86");
  // Without a target of their own.
  for (int capability : {87, 100, 120}) {
    fake.capability = capability;
    expectHas(refusedLine(withVariant("sm_90a")), "compile the model with --target cuda:sm_80");
  }
}

// Test: where the driver refuses the cubin it gets the PTX.
TEST_F(CudaRefusalTest, CubinFallsBackToPtx) {
  fake.refuseCubin = true;
  EXPECT_EQ(variantOf(), "sm_90a");
  ASSERT_EQ(fake.modules.size(), 1u);
  EXPECT_TRUE(fake.modules[0].starts_with("ptx "));
  // Without that, the PTX of the other variant.
  auto other = cudaPlan([](plan::PlanT &plan) { plan.modules.erase(plan.modules.begin() + 1); });
  fake.mixHasMap = false;
  std::shared_ptr<const Model> model = Model::load(other);
  EXPECT_EQ(model->variantIsa(), "sm_80");
  EXPECT_EQ(model->codeText(), "PTX for sm_80");
  model.reset();
  // Where that is not wanted, the driver's words are passed on.
  std::string text = refusal(other, withVariant("sm_90a"));
  expectHas(text, "the CUDA driver refuses the plan's cubin for sm_90a: fake trouble (218); fake log; update");
}

TEST_F(CudaRefusalTest, OldGpu) {
  fake.capability = 75;
  std::string text = refusedLine();
  expectHas(text, "cuda:0 (Fake GPU, capability 7.5) cannot run it: sm_90a needs a GPU of capability 9.0; sm_80 needs "
                  "a GPU of capability 8.0 or later");
  expectHas(text, "GPUs before capability 8.0 are not supported");
}

TEST_F(CudaRefusalTest, OtherArchitecture) {
  fake.capability = 86;
  auto plan = cudaPlan([](plan::PlanT &plan) {
    plan.variants.pop_back();
    plan.modules.pop_back();
    plan.programs.resize(2);
  });
  std::string text = refusal(plan);
  expectHas(text, "sm_90a needs a GPU of capability 9.0; compile the model with --target cuda:sm_86");
}

// Test: the driver's CUDA version decides on PTX; a cubin needs none of it.
TEST_F(CudaRefusalTest, OldDriver) {
  fake.driverVersion = 12020;
  reloadDriver();
  EXPECT_EQ(variantOf(), "sm_90a");
  fake.capability = 86;
  fake.mixHasMap = false;
  EXPECT_EQ(variantOf(), "sm_80");
  fake.driverVersion = 11080;
  reloadDriver();
  std::string text = refusedLine();
  expectHas(text, "sm_80 its PTX 8.0 needs a driver for CUDA 12.0 or later, this one is for CUDA 11.8");
  expectHas(text, "update NVIDIA's driver");
}

TEST_F(CudaRefusalTest, PtxVersions) {
  EXPECT_EQ(driverForPtx(80), 12000);
  EXPECT_EQ(driverForPtx(86), 12070);
  EXPECT_EQ(driverForPtx(90), 13000);
  EXPECT_EQ(driverForPtx(79), 12000);
  EXPECT_GT(driverForPtx(99), 13010);
  EXPECT_EQ(isaNumber("sm_90a"), 90);
  EXPECT_EQ(isaNumber("sm_120f"), 120);
  EXPECT_EQ(isaNumber("x86_64"), 0);
}

TEST_F(CudaRefusalTest, EntryIsMissing) {
  auto plan = cudaPlan([](plan::PlanT &plan) { plan.kernels[1]->entries[0]->symbol = "toy_missing"; });
  expectHas(refusal(plan), "its entry toy_missing is not in the plan's code");
  // Of another variant: of no interest.
  ModelOptions options = withVariant("sm_80");
  fake.mixHasMap = false;
  EXPECT_EQ(Model::load(plan, options)->variantIsa(), "sm_80");
}

// Test: refused before anything is loaded, with a table, and with a length that does fit.
TEST_F(CudaRefusalTest, OutOfMemory) {
  auto withLength = [&](uint32_t maxSeq) {
    return cudaPlan([&](plan::PlanT &plan) {
      plan.kv_cache->max_seq = maxSeq;
      plan.kv_cache->page = 16;
      plan.kv_cache->max_batch = 2;
    });
  };
  // 5 layers x 2 pools x 2 heads x 4 x 4 bytes = 320 bytes a position: 1.5 M positions take 458 MiB.
  fake.freeBytes = 300 << 20;
  std::string text = refusal(withLength(750000));
  expectHas(text, "does not fit into the free memory of cuda:0 (Fake GPU, driver ");
  expectHas(text, "\n  weights ");
  expectHas(text, "\n  key/value cache       0.45 GiB  --max-seq 750000 x 2 sequences");
  expectHas(text, "\n  arena ");
  expectHas(text, "\n  needed ");
  expectHas(text, "\n  free                  0.29 GiB  of 80 GiB");
  // Less than 1 GiB is not called 0 GiB.
  size_t total = std::exchange(fake.totalBytes, size_t(512) << 20);
  expectHas(refusal(withLength(750000)), "0.29 GiB  of 512 MiB");
  fake.totalBytes = total;
  EXPECT_TRUE(fake.modules.empty());
  EXPECT_EQ(fake.usedBytes, 0u);
  size_t begin = text.find("--max-seq ") + 10;
  auto longest = uint32_t(std::stoul(text.substr(begin)));
  EXPECT_GT(longest, 100000u);
  EXPECT_EQ(Model::load(withLength(longest))->maxSequenceLength(), longest);
  expectHas(refusal(withLength(longest + 16)), "--max-seq " + std::to_string(longest));

  // A smaller cache fits too, and is what sessions get.
  ModelOptions options;
  options.cacheTokens = 100000;
  EXPECT_EQ(Model::load(withLength(750000), options)->cacheTokens(), 100000u);
  options.cacheTokens = 1400000;
  text = refusal(withLength(750000), options);
  expectHas(text, "there is room for ");
  expectHas(text, "1400000 tokens");

  fake.freeBytes = 100 << 20;
  expectHas(refusal(withLength(100)), "the weights with the memory that steps work in do not fit");
  fake.freeBytes = (128 << 20) + 24000;
  expectHas(refusal(withLength(750000)), "not even one page for each of 2 sequences does");
}
