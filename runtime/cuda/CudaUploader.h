//===- CudaUploader.h - From files to device memory -------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CUDA_CUDAUPLOADER_H
#define QUIPU_RUNTIME_CUDA_CUDAUPLOADER_H

#include "runtime/core/Device.h"
#include "runtime/cuda/CudaDriver.h"

#include <functional>
#include <span>

namespace quipu {

/// Writes pieces of device memory with what write(index, memory) puts into memory of the host, and returns when all are
/// there. Each of several threads owns two buffers that the GPU can read by itself: while one is on its way the thread
/// fills the other. So reading, converting and copying overlap, and the buffers are all the memory that they take.
void uploadPieces(Device &device, cuda::Context context, cuda::Stream stream, std::span<const UploadPiece> pieces,
                  const std::function<void(size_t, char *)> &write);

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDAUPLOADER_H
