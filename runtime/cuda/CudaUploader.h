//===- CudaUploader.h - From files to device memory -------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CUDA_CUDAUPLOADER_H
#define QUIPU_RUNTIME_CUDA_CUDAUPLOADER_H

#include "runtime/core/Device.h"
#include "runtime/cuda/CudaDriver.h"

#include <functional>
#include <span>

namespace quipu {

/// Fills pieces of device memory, and returns when all are filled. write(index, memory) writes the bytes of a piece to
/// a buffer of the host. There are several threads. Each has two buffers that the GPU can read directly: while one is
/// copied, the thread fills the other. So reading, converting and copying overlap, and need no memory but the buffers.
void uploadPieces(Device &device, cuda::Context context, cuda::Stream stream, std::span<const UploadPiece> pieces,
                  const std::function<void(size_t, char *)> &write);

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_CUDAUPLOADER_H
