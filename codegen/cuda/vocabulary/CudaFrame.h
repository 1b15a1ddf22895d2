//===- CudaFrame.h - Entries of a kernel and their parameters ---*- C++ -*-===//
//
// Creates the global functions of a kernel with the signature of runtime/abi/CudaAbi.h and maps the arguments, results
// and workspaces of a `llama.kernel` to pointers. The order of pointers is that of the step's arguments, as on the CPU:
// arguments, then results, then workspaces.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_CUDAFRAME_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_CUDAFRAME_H

#include "codegen/common/Arguments.h"
#include "codegen/common/GeneratedKernel.h"
#include "codegen/cuda/vocabulary/CudaBuilder.h"

namespace quipu::codegen::cuda {

/// One entry function under construction; the builder's insertion point is inside it until it goes out of scope. Takes
/// the number of threads and the tensor maps from `entry`.
class CudaFrame {
public:
  CudaFrame(CudaBuilder &builder, llama::KernelOp kernel, const GeneratedEntry &entry);
  ~CudaFrame();
  CudaFrame(const CudaFrame &) = delete;
  CudaFrame &operator=(const CudaFrame &) = delete;

  /// The pointer (number `part` of several) of a kernel argument.
  mlir::Value argument(mlir::Value blockArgument, unsigned part = 0) const;
  mlir::Value result(unsigned index) const;
  mlir::Value workspace(unsigned index) const;
  /// Generic pointer to the tensor map number `index` of the entry.
  mlir::Value tensorMap(unsigned index) const { return maps[index]; }

  /// Blocks for whose threads a multiprocessor must have registers. Unless it is told, the assembler guesses.
  void setResidentBlocks(int64_t blocks);

  /// Number of an argument's, result's or workspace's pointer among the entry's, for GeneratedTensorMap.
  static unsigned pointerOfArgument(llama::KernelOp kernel, mlir::Value blockArgument, unsigned part = 0);
  static unsigned pointerOfResult(llama::KernelOp kernel, unsigned index);
  static unsigned pointerOfWorkspace(llama::KernelOp kernel, unsigned index);

  /// T, R and the entries in a row of the block table, i32.
  mlir::Value tokens, outputs, blockTableStride;

private:
  CudaBuilder &builder;
  llama::KernelOp kernel;
  mlir::OpBuilder::InsertionGuard guard;
  mlir::Operation *function;
  llvm::SmallVector<mlir::Value> pointers, maps;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_CUDAFRAME_H
