//===- AttentionCounters.h - Which block of a row is the last ---*- C++ -*-===//
//
// Blocks that have a part of a row's keys each leave it in the workspace and count themselves. The last one merges the
// parts. The counters belong to the code module. They start at zero, and the last block sets them to zero again. Two
// launches never use them at the same time, because a block waits for the kernel in front before it counts.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONCOUNTERS_H
#define QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONCOUNTERS_H

#include "codegen/cuda/vocabulary/CudaBuilder.h"

namespace quipu::codegen::cuda {

/// Emits the global `symbol`: `count` counters.
void emitCounters(CudaBuilder &b, llvm::StringRef symbol, int64_t count);

/// Counts the block at counter number `counter` (i32) of `symbol`, and returns how many were counted before (i32). All
/// threads of the block call it. It releases what they stored before, and acquires what the blocks counted before have
/// released. After number `last` (i32) the counter is zero again. `flag`: four bytes of shared memory.
mlir::Value countBlock(CudaBuilder &b, llvm::StringRef symbol, mlir::Value counter, mlir::Value last, mlir::Value flag);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_ATTENTION_ATTENTIONCOUNTERS_H
