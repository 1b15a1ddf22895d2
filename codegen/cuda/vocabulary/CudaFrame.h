//===- CudaFrame.h - What the body of a kernel works with -------*- C++ -*-===//
//
// An emitter writes a *body*, what the threads of a kernel do, and an *entry*, the global function that holds it. The
// body knows nothing of the entry: all that it needs comes from a CudaFrame (its pointers and numbers, which part of
// the kernel's grid it works on, the kernels around it), from CudaBuilder (thread, shared memory from the block's first
// byte on) and from the schedule. So the bodies of several kernels can be called from one entry, with a frame each.
//
// An entry has the signature of runtime/abi/CudaAbi.h. The order of pointers is that of the step's arguments, as on the
// CPU: arguments, then results, then workspaces.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_CUDAFRAME_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_CUDAFRAME_H

#include "codegen/common/Arguments.h"
#include "codegen/common/GeneratedKernel.h"
#include "codegen/cuda/vocabulary/CudaBuilder.h"
#include "codegen/cuda/vocabulary/Handover.h"

namespace quipu::codegen::cuda {

/// What a body works with.
class CudaFrame {
public:
  CudaFrame(const CudaFrame &) = delete;
  CudaFrame &operator=(const CudaFrame &) = delete;

  /// The pointer (number `part` of several) of a kernel argument.
  mlir::Value argument(mlir::Value blockArgument, unsigned part = 0) const;
  mlir::Value result(unsigned index) const;
  mlir::Value workspace(unsigned index) const;
  /// Generic pointer to the tensor map number `index` of the entry.
  mlir::Value tensorMap(unsigned index) const { return maps[index]; }

  /// Number of the block in the kernel's grid, and the grid's size (i32), along x (0) or y (1).
  mlir::Value block(unsigned dim) const { return builder.block(dim); }
  mlir::Value gridSize(unsigned dim) const { return builder.gridSize(dim); }

  /// See Handover.
  void waitForPrevious() const { handover.waitForPrevious(builder); }
  void letNextStart() const { handover.letNextStart(builder); }
  /// The thread is done with the body where `condition` (i1) holds; before any barrier, all threads of a block or none.
  void leaveIf(mlir::Value condition) const { builder.endThreadIf(condition); }

  /// Number of an argument's, result's or workspace's pointer among the entry's, for GeneratedTensorMap.
  static unsigned pointerOfArgument(llama::KernelOp kernel, mlir::Value blockArgument, unsigned part = 0);
  static unsigned pointerOfResult(llama::KernelOp kernel, unsigned index);
  static unsigned pointerOfWorkspace(llama::KernelOp kernel, unsigned index);

  /// T, R and the entries in a row of the block table, i32.
  mlir::Value tokens, outputs, blockTableStride;

private:
  friend class CudaEntry;
  CudaFrame(CudaBuilder &builder, llama::KernelOp kernel, const Handover &handover)
      : builder(builder), kernel(kernel), handover(handover) {}

  CudaBuilder &builder;
  llama::KernelOp kernel;
  const Handover &handover;
  llvm::SmallVector<mlir::Value> pointers, maps;
};

/// The global function of a kernel with one body. The builder's insertion point is inside it until it goes out of
/// scope. Takes the number of threads and the tensor maps from `entry`.
class CudaEntry {
public:
  CudaEntry(CudaBuilder &builder, llama::KernelOp kernel, const GeneratedEntry &entry);
  ~CudaEntry();
  CudaEntry(const CudaEntry &) = delete;
  CudaEntry &operator=(const CudaEntry &) = delete;

  /// Of the body.
  const CudaFrame &frame() const { return contents; }

  /// Blocks for whose threads a multiprocessor must have registers. Unless it is told, the assembler guesses.
  void setResidentBlocks(int64_t blocks);

private:
  CudaBuilder &builder;
  mlir::OpBuilder::InsertionGuard guard;
  DependentLaunch handover;
  CudaFrame contents;
  mlir::Operation *function;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_CUDAFRAME_H
