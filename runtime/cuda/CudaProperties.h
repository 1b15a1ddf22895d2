//===- CudaProperties.h - What a GPU is -------------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CUDA_CUDAPROPERTIES_H
#define QUIPU_RUNTIME_CUDA_CUDAPROPERTIES_H

#include <cstdint>
#include <string>
#include <vector>

namespace quipu {

struct CudaProperties {
  int number = 0;
  /// "NVIDIA H100 80GB HBM3".
  std::string name;
  /// Compute capability, as 10 * major + minor: 90 for 9.0.
  int capability = 0;
  int multiprocessors = 0;
  uint64_t memoryBytes = 0;
  uint64_t l2Bytes = 0;
  uint64_t maxSharedBytes = 0;
  /// Highest clocks in kHz, and width of the memory's bus in bits. 0 if the driver does not say.
  int clock = 0;
  int memoryClock = 0;
  int memoryBusBits = 0;

  /// "9.0".
  std::string capabilityText() const;
  /// The target to compile for: "cuda:sm_90a". A GPU without its own target runs "cuda:sm_80". Empty for GPUs before
  /// 8.0.
  std::string bestTarget() const;
  /// Whether this target is for exactly this capability.
  bool hasOwnTarget() const;
};

/// The number N of "cuda:N". "cuda" means "cuda:0". Throws Error for other names.
int cudaDeviceNumber(const std::string &name);

/// Properties of GPU number `number`. Throws Error if there is no driver, or no such GPU.
CudaProperties cudaProperties(int number);

/// Properties of all GPUs. Throws Error if there is no driver or no GPU.
std::vector<CudaProperties> cudaDevices();

/// The driver, for messages: "driver 580.95.05" if the system knows its version; otherwise what it supports: "driver
/// for CUDA 13.0".
std::string cudaDriverText();

/// "12.7" for 12070.
std::string cudaVersionText(int version);

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDAPROPERTIES_H
