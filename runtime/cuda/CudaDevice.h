//===- CudaDevice.h - An NVIDIA GPU as a device -----------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CUDA_CUDADEVICE_H
#define QUIPU_RUNTIME_CUDA_CUDADEVICE_H

#include "runtime/core/Device.h"
#include "runtime/cuda/CudaDriver.h"
#include "runtime/cuda/CudaGraphs.h"
#include "runtime/cuda/CudaProperties.h"
#include "runtime/cuda/CudaServices.h"

#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace quipu {

class CudaProgram;

/// A GPU. All work goes to one stream of the GPU's primary context, so it runs in the order in which it was enqueued.
/// Lists that repeat become graphs.
class CudaDevice : public Device {
public:
  /// Throws Error if there is no driver or no such GPU.
  explicit CudaDevice(int number);
  ~CudaDevice() override;

  const char *name() const override { return deviceName.c_str(); }
  std::string description() const override;
  unsigned threads() const override { return 0; }
  std::vector<PlanChoice> choices(const plan::Plan &plan, const std::string &planName,
                                  const std::string &variant) const override;
  std::optional<MemoryInfo> memoryInfo() const override;
  DeviceMemory allocate(size_t size, MemoryUse use) override;
  size_t alignment() const override { return 256; }
  void *hostPointer(void *address) const override;
  bool sharesHostMemory() const override { return false; }
  void write(std::span<const UploadPiece> pieces, const std::function<void(size_t, char *)> &write) override;
  bool fillRandom(const RandomFill &fill) override;
  std::unique_ptr<CodeModule> loadModule(const plan::CodeModule &module, const std::string &planName) override;
  void prepare(LaunchList &list) override;
  void enqueueUpload(void *target, const void *staging, size_t size) override;
  void enqueueDownload(void *staging, const void *source, size_t size) override;
  void enqueueCopy(void *target, const void *source, size_t size) override;
  void enqueue(LaunchList &list, const int64_t *dims, const TokenChoice *choice) override;
  bool choosesTokens() const override { return services.choosesTokens(); }
  bool drawsTokens() const override { return services.drawsTokens(); }
  bool scoresTokens() const override { return services.scoresTokens(); }
  void synchronize() override;
  std::unique_ptr<DeviceEvent> createEvent(EventUse use) override;
  void record(DeviceEvent &event) override;
  void wait(DeviceEvent &event) override;
  double seconds(DeviceEvent &from, DeviceEvent &to) override;
  ListTimes profile(LaunchList &list, const int64_t *dims, const ProfileSetting &setting) override;

  const CudaProperties &properties() const { return gpu; }

  /// The stream, for work that no plan asks for.
  cuda::Stream workStream() const { return stream; }

private:
  void release(void *address, size_t size) override;
  /// Makes the GPU's context the current context of the calling thread.
  void use() const;
  void launch(CudaProgram &program, const int64_t *dims, const TokenChoice *choice, cuda::Stream target);

  CudaProperties gpu;
  const cuda::Driver &driver;
  std::string deviceName;
  cuda::DeviceNumber device = 0;
  cuda::Context context = nullptr;
  cuda::Stream stream = nullptr;
  CudaServices services;
  /// Whether the code itself waits for the kernel in front (griddepcontrol). Then launches may overlap.
  bool dependentLaunch = false;
  /// Guards the members below.
  mutable std::mutex mutex;
  std::unique_ptr<CudaGraphs> graphs;
  /// Addresses of staging memory, which is memory of the host.
  std::set<const void *> staging;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDADEVICE_H
