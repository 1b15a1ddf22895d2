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
  /// 10 * major + minor: 90.
  int capability = 0;
  int multiprocessors = 0;
  uint64_t memoryBytes = 0;
  uint64_t l2Bytes = 0;
  uint64_t maxSharedBytes = 0;
  /// Highest clocks in kHz, and the width of the memory's bus in bits; 0 where the driver does not say.
  int clock = 0;
  int memoryClock = 0;
  int memoryBusBits = 0;

  /// "9.0".
  std::string capabilityText() const;
  /// What to compile for: "cuda:sm_90a"; GPUs without a target of their own run "cuda:sm_80". Empty before 8.0.
  std::string bestTarget() const;
  /// Whether that is for this very capability.
  bool hasOwnTarget() const;
};

/// Number N of "cuda:N"; "cuda" is "cuda:0". Throws Error for other names.
int cudaDeviceNumber(const std::string &name);

/// Throws Error when there is no driver, or no GPU of that number.
CudaProperties cudaProperties(int number);

/// All GPUs. Throws Error when there is no driver or no GPU.
std::vector<CudaProperties> cudaDevices();

/// The driver: "driver 580.95.05" where the system says so, and else what it supports: "driver for CUDA 13.0".
std::string cudaDriverText();

/// "12.7" for 12070.
std::string cudaVersionText(int version);

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDAPROPERTIES_H
