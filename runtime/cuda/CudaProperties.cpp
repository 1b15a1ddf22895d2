//===- CudaProperties.cpp - What a GPU is ------------------------------------------------===//

#include "runtime/cuda/CudaProperties.h"
#include "runtime/cuda/CudaDriver.h"
#include "runtime/support/Error.h"
#include "runtime/support/Number.h"

#include <fstream>
#include <optional>
#include <string_view>

namespace quipu {

using namespace cuda;

std::string CudaProperties::capabilityText() const { return concat(capability / 10, ".", capability % 10); }

bool CudaProperties::hasOwnTarget() const {
  return capability == 80 || capability == 86 || capability == 89 || capability == 90;
}

std::string CudaProperties::bestTarget() const {
  if (capability < 80)
    return "";
  // Code for Hopper uses instructions that later GPUs lack.
  return concat("cuda:sm_", hasOwnTarget() ? capability : 80, capability == 90 ? "a" : "");
}

int cudaDeviceNumber(const std::string &name) {
  if (name == "cuda")
    return 0;
  constexpr std::string_view prefix = "cuda:";
  std::optional<int> number;
  if (name.starts_with(prefix))
    number = parseNumber<int>(std::string_view(name).substr(prefix.size()));
  if (!number || *number < 0)
    fail("device ", name, ": not understood; expected cuda or cuda:N (a number from 0)");
  return *number;
}

static CudaProperties propertiesOf(const Driver &driver, int number) {
  DeviceNumber device = 0;
  driver.deviceGet(&device, number);
  auto attribute = [&](int which) {
    int value = 0;
    driver.deviceGetAttribute(&value, which, device);
    return value;
  };
  CudaProperties properties;
  properties.number = number;
  char name[256] = {};
  driver.deviceGetName(name, sizeof(name) - 1, device);
  properties.name = name;
  properties.capability = 10 * attribute(kCapabilityMajor) + attribute(kCapabilityMinor);
  properties.multiprocessors = attribute(kMultiprocessorCount);
  size_t memory = 0;
  driver.deviceTotalMem(&memory, device);
  properties.memoryBytes = memory;
  properties.l2Bytes = uint64_t(attribute(kL2CacheSize));
  properties.maxSharedBytes = uint64_t(attribute(kMaxSharedBytesPerBlock));
  properties.clock = attribute(kClockRate);
  properties.memoryClock = attribute(kMemoryClockRate);
  properties.memoryBusBits = attribute(kMemoryBusWidth);
  return properties;
}

std::vector<CudaProperties> cudaDevices() {
  const Driver &driver = Driver::get();
  int count = 0;
  driver.deviceGetCount(&count);
  if (count == 0)
    fail("no GPU that CUDA can use on this machine; check nvidia-smi and CUDA_VISIBLE_DEVICES, or use the CPU: compile "
         "with --target cpu");
  std::vector<CudaProperties> devices;
  for (int i = 0; i < count; ++i)
    devices.push_back(propertiesOf(driver, i));
  return devices;
}

CudaProperties cudaProperties(int number) {
  std::vector<CudaProperties> devices = cudaDevices();
  if (size_t(number) < devices.size())
    return devices[size_t(number)];
  std::string found;
  for (const CudaProperties &device : devices)
    found += concat(found.empty() ? "" : ", ", "cuda:", device.number, " (", device.name, ")");
  fail("device cuda:", number, ": not on this machine, which has ", found,
       "; use one of these, or check "
       "CUDA_VISIBLE_DEVICES");
}

std::string cudaVersionText(int version) { return concat(version / 1000, ".", version % 1000 / 10); }

std::string cudaDriverText() {
  std::ifstream stream("/sys/module/nvidia/version");
  std::string version;
  if (stream >> version)
    return "driver " + version;
  return "driver for CUDA " + cudaVersionText(Driver::get().version());
}

} // namespace quipu
