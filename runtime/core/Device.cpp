//===- Device.cpp - What runs kernels ----------------------------------------------------===//

#include "runtime/core/Device.h"
#include "runtime/core/Error.h"
#include "runtime/cpu/CpuDevice.h"

namespace quipu {

CodeModule::~CodeModule() = default;
Device::~Device() = default;

DeviceMemory::~DeviceMemory() {
  if (address)
    device->release(address, length);
}

std::unique_ptr<Device> Device::create(const std::string &name, unsigned threads, bool pin) {
  if (name == "cpu")
    return std::make_unique<CpuDevice>(threads, pin);
  fail("device ", name, ": not known; this quipu has: cpu");
}

} // namespace quipu
