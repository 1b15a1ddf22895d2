//===- CudaEmitter.h - Schedules for which there is CUDA code --------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_CUDAEMITTER_H
#define QUIPU_CODEGEN_CUDA_CUDAEMITTER_H

#include "codegen/common/KernelUses.h"
#include "codegen/cuda/vocabulary/CudaBody.h"

#include "codegen/cuda/CudaEmitter.h.inc"

namespace quipu::codegen::cuda {

/// Attaches emitters to the schedules of the llama dialect. A pass that emits code registers them.
void registerEmitters(mlir::DialectRegistry &registry);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_CUDAEMITTER_H
