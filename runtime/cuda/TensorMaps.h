//===- TensorMaps.h - Descriptors of tensors for the copy engine ------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CUDA_TENSORMAPS_H
#define QUIPU_RUNTIME_CUDA_TENSORMAPS_H

#include "runtime/abi/plan_generated.h"
#include "runtime/cuda/CudaDriver.h"

namespace quipu {

/// Encodes a map of the plan for the tensor at `address`.
cuda::TensorMap encodeTensorMap(const plan::TensorMap &map, void *address);

} // namespace quipu

#endif // QUIPU_RUNTIME_CUDA_TENSORMAPS_H
