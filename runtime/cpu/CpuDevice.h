//===- CpuDevice.h - The processor as a device ------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CPU_CPUDEVICE_H
#define QUIPU_RUNTIME_CPU_CPUDEVICE_H

#include "runtime/core/Device.h"
#include "runtime/cpu/ThreadPool.h"

#include <mutex>

namespace quipu {

/// A grid is split over a persistent thread pool; memory is the process's own.
class CpuDevice : public Device {
public:
  CpuDevice(unsigned threads, bool pin) : pool(threads, pin) {}

  const char *name() const override { return "cpu"; }
  std::string description() const override;
  unsigned threads() const override { return pool.size(); }
  void checkTarget(const plan::Target &target, const std::string &planName) const override;
  DeviceMemory allocate(size_t size, MemoryUse use) override;
  void *hostPointer(void *address) const override { return address; }
  void upload(void *target, const void *source, size_t size) override;
  void download(void *target, const void *source, size_t size) override;
  bool sharesHostMemory() const override { return true; }
  std::unique_ptr<CodeModule> loadModule(const plan::CodeModule &module, const std::string &planName) override;
  void prepare(const LaunchList &list) override;
  void run(const LaunchList &list, const int64_t *dims) override;

private:
  void release(void *address, size_t size) override;

  ThreadPool pool;
  /// One caller at a time uses the pool and the scratch memory.
  std::mutex mutex;
  /// Scratch of worker i: bytes [i * scratchStride, (i + 1) * scratchStride).
  DeviceMemory scratch;
  size_t scratchStride = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CPU_CPUDEVICE_H
