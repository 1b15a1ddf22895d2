//===- CpuDevice.h - The processor as a device ------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CPU_CPUDEVICE_H
#define QUIPU_RUNTIME_CPU_CPUDEVICE_H

#include "runtime/core/Device.h"
#include "runtime/cpu/BlockShares.h"
#include "runtime/cpu/ThreadPool.h"

#include <mutex>

namespace quipu {

/// The CPU as a device. The blocks of a grid are divided among the threads of a pool that lives as long as the device.
/// Memory is the process's memory.
class CpuDevice : public Device {
public:
  CpuDevice(unsigned threads, bool pin) : pool(threads, pin) {}

  const char *name() const override { return "cpu"; }
  std::string description() const override;
  unsigned threads() const override { return pool.size(); }
  std::vector<PlanChoice> choices(const plan::Plan &plan, const std::string &planName,
                                  const std::string &variant) const override;
  DeviceMemory allocate(size_t size, MemoryUse use) override;
  void *hostPointer(void *address) const override { return address; }
  bool sharesHostMemory() const override { return true; }
  void write(std::span<const UploadPiece> pieces, const std::function<void(size_t, char *)> &write) override;
  std::unique_ptr<CodeModule> loadModule(const plan::CodeModule &module, const std::string &planName) override;
  void prepare(LaunchList &list) override;
  void enqueueUpload(void *target, const void *staging, size_t size) override;
  void enqueueDownload(void *staging, const void *source, size_t size) override;
  void enqueueCopy(void *target, const void *source, size_t size) override;
  void enqueue(LaunchList &list, const int64_t *dims, const TokenChoice *choice) override;
  void synchronize() override {}
  std::unique_ptr<DeviceEvent> createEvent(EventUse use) override;
  void record(DeviceEvent &event) override;
  void wait(DeviceEvent &event) override {}
  double seconds(DeviceEvent &from, DeviceEvent &to) override;
  ListTimes profile(LaunchList &list, const int64_t *dims, const ProfileSetting &setting) override;

  /// Throws Error that names what the plan's target needs and this machine lacks.
  void checkTarget(const plan::Target &target, const std::string &planName) const;

private:
  void release(void *address, size_t size) override;

  ThreadPool pool;
  BlockShares shares{pool};
  /// One caller at a time uses the pool and the scratch memory.
  std::mutex mutex;
  /// Scratch of worker i: bytes [i * scratchStride, (i + 1) * scratchStride).
  DeviceMemory scratch;
  size_t scratchStride = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CPU_CPUDEVICE_H
