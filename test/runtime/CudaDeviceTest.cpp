//===- CudaDeviceTest.cpp: memory, graphs, ceilings --------------------------------------===//

#include "runtime/cuda/CudaDevice.h"
#include "runtime/cpu/CpuDevice.h"
#include "runtime/cuda/CudaCeilings.h"
#include "test/runtime/FakeCudaTest.h"

#include <algorithm>
#include <cstring>

using namespace quipu;
using namespace quipu::test;

namespace {

using CudaDeviceTest = FakeCudaTest;

} // namespace

// Test: device memory begins as zeros, staging is the host's.
TEST_F(CudaDeviceTest, Memory) {
  CudaDevice device(0);
  DeviceMemory memory = device.allocate(1000, MemoryUse::Dense);
  DeviceMemory staging = device.allocate(1000, MemoryUse::Staging);
  EXPECT_EQ(device.hostPointer(memory.data()), nullptr);
  EXPECT_EQ(device.hostPointer(staging.data()), staging.data());
  EXPECT_EQ(fake.usedBytes, 1000u);
  memset(staging.data(), 7, 1000);
  device.enqueueDownload(staging.data(), memory.data(), 1000);
  device.synchronize();
  const char *bytes = static_cast<const char *>(staging.data());
  EXPECT_EQ(std::count(bytes, bytes + 1000, 0), 1000);
  EXPECT_EQ(device.memoryInfo()->free, fake.freeBytes - 1000);
  expectHas(errorOf([&] { (void)device.allocate(fake.freeBytes, MemoryUse::Dense); }),
            "cuda:0 (Fake GPU): no room for 80896 MiB more");
  EXPECT_EQ(device.allocate(0, MemoryUse::Dense).data(), nullptr);
}

// Test: a driver call that fails names itself.
TEST_F(CudaDeviceTest, FailedCall) {
  CudaDevice device(0);
  DeviceMemory memory = device.allocate(16, MemoryUse::Dense);
  char onStack[16];
  expectHas(errorOf([&] { device.enqueueUpload(memory.data(), onStack, 16); }),
            "CUDA: cuMemcpyHtoDAsync_v2 failed: fake trouble (1)");
}

// Test: the graphs used last are kept.
TEST_F(CudaDeviceTest, GraphsAreBounded) {
  CudaDevice device(0);
  CudaGraphs graphs;
  int launched = 0;
  auto step = [&](int64_t tokens) {
    graphs.run({nullptr, tokens, 1, 0, false}, device.workStream(), [&](cuda::Stream) { ++launched; });
  };
  for (int64_t tokens = 0; tokens < 100; ++tokens) {
    step(tokens);
    step(tokens);
    step(0); // always in use
  }
  EXPECT_EQ(graphs.size(), CudaGraphs::kMost);
  EXPECT_EQ(launched, 200);
  launched = 0;
  step(99);
  step(50);
  EXPECT_EQ(launched, 0);
  step(10); // was dropped
  EXPECT_EQ(launched, 1);
  graphs.forget(nullptr);
  EXPECT_EQ(graphs.size(), 0u);
}

// Test: a recording that fails leaves the recorder usable.
TEST_F(CudaDeviceTest, FailedRecording) {
  CudaDevice device(0);
  CudaGraphs graphs;
  CudaStepKey key = {nullptr, 1, 1, 1, false};
  graphs.run(key, device.workStream(), [](cuda::Stream) {});
  EXPECT_THROW(graphs.run(key, device.workStream(), [](cuda::Stream) { throw Error("no"); }), Error);
  graphs.run(key, device.workStream(), [](cuda::Stream) {});
  EXPECT_EQ(graphs.size(), 1u);
}

// Test: a copy takes a millisecond on the fake device.
TEST_F(CudaDeviceTest, Ceilings) {
  CudaDevice device(0);
  EXPECT_EQ(asCuda(device), &device);
  CpuDevice cpu(1, false);
  EXPECT_EQ(asCuda(cpu), nullptr);
  CopyCeiling copy(device, 1 << 20);
  EXPECT_DOUBLE_EQ(copy.measure(), 2.0 * (1 << 20) / 1e-3);
  EXPECT_DOUBLE_EQ(copy.best(), copy.measure());
}
