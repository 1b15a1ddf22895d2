//===- KernelFunction.h - A function that the runtime can launch -*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_KERNELFUNCTION_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_KERNELFUNCTION_H

#include "codegen/cuda/vocabulary/CudaBuilder.h"

namespace quipu::codegen::cuda {

/// A global function under construction: the builder's insertion point is inside it until this object goes out of
/// scope.
class KernelFunction {
public:
  /// `threads`: of a block.
  KernelFunction(CudaBuilder &b, llvm::StringRef symbol, llvm::ArrayRef<mlir::Type> parameters, int64_t threads);
  ~KernelFunction();
  KernelFunction(const KernelFunction &) = delete;
  KernelFunction &operator=(const KernelFunction &) = delete;

  /// In the order of their types.
  mlir::ValueRange parameters() { return operation.getArguments(); }
  /// For attributes.
  mlir::LLVM::LLVMFuncOp op() { return operation; }
  /// Blocks for whose threads a multiprocessor must have registers. Unless it is told, the assembler guesses.
  void setResidentBlocks(int64_t blocks);

private:
  CudaBuilder &b;
  mlir::OpBuilder::InsertionGuard guard;
  mlir::LLVM::LLVMFuncOp operation;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_KERNELFUNCTION_H
