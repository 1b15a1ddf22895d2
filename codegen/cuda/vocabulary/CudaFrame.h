//===- CudaFrame.h - What the body of a kernel works with -------*- C++ -*-===//
//
// The parameters of a kernel as its body asks for them (CudaBody.h). The order of pointers is that of the step's
// arguments, as on the CPU: arguments, then results, then workspaces.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_CUDAFRAME_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_CUDAFRAME_H

#include "codegen/common/Arguments.h"
#include "codegen/common/GeneratedKernel.h"
#include "codegen/cuda/vocabulary/BodyFrame.h"

namespace quipu::codegen::cuda {

class CudaFrame : public BodyFrame {
public:
  /// The kernel's pointers, the numbers of every kernel (runtime/abi/KernelAbi.h) and the kernel's tensor maps.
  struct Parameters {
    mlir::ValueRange pointers, dims, maps;
  };
  CudaFrame(CudaBuilder &builder, const Handover &handover, llama::KernelOp kernel, const Parameters &parameters,
            std::optional<GridPlace> place = std::nullopt);

  /// The pointer (number `part` of several) of a kernel argument.
  mlir::Value argument(mlir::Value blockArgument, unsigned part = 0) const;
  mlir::Value result(unsigned index) const;
  mlir::Value workspace(unsigned index) const;
  /// Generic pointer to the tensor map number `index` of the entry.
  mlir::Value tensorMap(unsigned index) const { return maps[index]; }

  /// Number of an argument's, result's or workspace's pointer among the kernel's, for GeneratedTensorMap.
  static unsigned pointerOfArgument(llama::KernelOp kernel, mlir::Value blockArgument, unsigned part = 0);
  static unsigned pointerOfResult(llama::KernelOp kernel, unsigned index);
  static unsigned pointerOfWorkspace(llama::KernelOp kernel, unsigned index);
  /// The number of a kernel's pointers.
  static unsigned countPointers(llama::KernelOp kernel);

  /// T, R, the entries in a row of the block table, and the number of lone rows, i32.
  mlir::Value tokens, outputs, blockTableStride, loneRows;

private:
  llama::KernelOp kernel;
  llvm::SmallVector<mlir::Value> pointers, maps;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_CUDAFRAME_H
