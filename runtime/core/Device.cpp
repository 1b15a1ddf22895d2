//===- Device.cpp - What runs kernels ----------------------------------------------------===//

#include "runtime/core/Device.h"
#include "runtime/cpu/CpuDevice.h"
#include "runtime/cuda/CudaDevice.h"
#include "runtime/support/Error.h"

namespace quipu {

CodeModule::~CodeModule() = default;
PreparedList::~PreparedList() = default;
DeviceEvent::~DeviceEvent() = default;
Device::~Device() = default;

DeviceMemory::~DeviceMemory() {
  if (address)
    device->release(address, length);
}

std::unique_ptr<Device> Device::create(const std::string &name, unsigned threads, bool pin) {
  if (name == "cpu")
    return std::make_unique<CpuDevice>(threads, pin);
  if (name == "cuda" || name.starts_with("cuda:"))
    return std::make_unique<CudaDevice>(cudaDeviceNumber(name));
  fail("device ", name, ": not known; this quipu has: cpu, cuda, cuda:N");
}

} // namespace quipu
