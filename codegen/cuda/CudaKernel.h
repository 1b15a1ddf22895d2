//===- CudaKernel.h - From scheduled kernels to GPU code --------*- C++ -*-===//
//
// The CUDA code generator: every `llama.kernel` of a module, scheduled by llama-select-schedules for a CUDA target,
// becomes global functions in one module of llvm/nvvm/arith/scf code, which LLVM compiles to PTX, and ptxas or
// nvJitLink, where there is one, to a cubin.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_CUDAKERNEL_H
#define QUIPU_CODEGEN_CUDA_CUDAKERNEL_H

#include "codegen/cuda/CudaTarget.h"
#include "mlir/IR/BuiltinOps.h"

namespace quipu::codegen::cuda {

/// Emits the kernels of `module` that its programs launch and the service kernels into a module beside them (codeOf),
/// and gives each kernel its #llama.code. The code has a module for each program and one for the services ("parts"), so
/// that they can be compiled at the same time. With `only` it emits the kernel of this name and nothing else. The pass
/// llama-emit-cuda calls it. The dialects of the code must be loaded.
mlir::LogicalResult emitCudaKernels(mlir::ModuleOp module, const CudaTarget &target, llvm::StringRef only = {});

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_CUDAKERNEL_H
