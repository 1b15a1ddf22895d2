//===- CudaBody.h - What an emitter gives -----------------------*- C++ -*-===//
//
// An emitter gives a *body*: what the threads of a kernel do. An *entry* is the global function around it. The body
// knows nothing of its entry: all that it needs comes from a CudaFrame, from CudaBuilder (thread, shared memory from
// the block's first byte on) and from the schedule. So a kernel that holds one body is one way to run it; a kernel that
// holds the bodies of several kernels, with a frame for each, is another.
//
// What holds several bodies, one behind the other, must give each of them `entry.threads` threads and
// `entry.sharedBytes` of shared memory, and blocks numbered as in the body's own grid. Between two bodies all threads
// of the block meet: then the next one may use the same shared memory and the same named barriers.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_CUDABODY_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_CUDABODY_H

#include "codegen/cuda/vocabulary/CudaFrame.h"

#include <functional>

namespace quipu::codegen::cuda {

struct CudaBody {
  /// What launching the body takes, in a kernel of its own.
  GeneratedEntry entry;
  /// Writes the code of a block at the builder's insertion point.
  std::function<void(CudaBuilder &b, const CudaFrame &frame)> emit;
  /// Blocks for whose threads a multiprocessor must have registers; 0: the assembler guesses.
  int64_t residentBlocks = 0;
};
using CudaBodies = llvm::SmallVector<CudaBody, 2>;

/// Emits the global function of a kernel that holds one body. Its signature is that of runtime/abi/CudaAbi.h.
void emitEntry(CudaBuilder &b, llama::KernelOp kernel, const CudaBody &body);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_CUDABODY_H
