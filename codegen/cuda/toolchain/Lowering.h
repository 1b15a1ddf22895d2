//===- Lowering.h - Emitted CUDA code to the LLVM dialect -------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_TOOLCHAIN_LOWERING_H
#define QUIPU_CODEGEN_CUDA_TOOLCHAIN_LOWERING_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

namespace quipu::codegen::cuda {

/// Adds the passes that lower the parts of emitted code to the LLVM dialect: those of llama-lower-cuda.
void addCudaLowering(mlir::OpPassManager &passes);

/// All parts in one module.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> joinCudaParts(mlir::ModuleOp code);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_TOOLCHAIN_LOWERING_H
