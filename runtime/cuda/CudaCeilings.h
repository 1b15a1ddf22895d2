//===- CudaCeilings.h - What a GPU can do at best ---------------------------*- C++ -*-===//
//
// `bench` sets each result beside a ceiling measured in the same run: copy bandwidth of device memory, and a large bf16
// product through cuBLAS where that library can be loaded.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CUDA_CUDACEILINGS_H
#define QUIPU_RUNTIME_CUDA_CUDACEILINGS_H

#include "runtime/core/Device.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace quipu {

class CudaDevice;

/// The device as a CUDA device. Null for another device.
CudaDevice *asCuda(Device &device);

/// Copies between two buffers of device memory.
class CopyCeiling {
public:
  /// `bytes`: size of each buffer. Buffers are smaller if device memory is short.
  explicit CopyCeiling(CudaDevice &device, size_t bytes = size_t(1) << 30);

  /// Measures one pass. Returns its rate, in bytes per second; bytes read and bytes written both count.
  double measure();
  double best() const { return bestRate; }

private:
  CudaDevice &device;
  DeviceMemory from, to;
  std::unique_ptr<DeviceEvent> begin, end;
  double bestRate = 0;
};

/// Products of two square bf16 matrices with f32 sums, of random values.
class MatmulCeiling {
public:
  explicit MatmulCeiling(CudaDevice &device, uint32_t size = 8192);
  ~MatmulCeiling();
  MatmulCeiling(const MatmulCeiling &) = delete;
  MatmulCeiling &operator=(const MatmulCeiling &) = delete;

  /// False if there is no cuBLAS or no memory. Then problem() says why, and measure() does nothing.
  bool available() const;
  const std::string &problem() const;

  /// Measures one short run. Returns its rate, in floating-point operations per second.
  double measure();
  double best() const { return bestRate; }

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
  double bestRate = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDACEILINGS_H
