//===- RowBlocks.h - Bodies whose blocks are rows ---------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_POINTWISE_ROWBLOCKS_H
#define QUIPU_CODEGEN_CUDA_POINTWISE_ROWBLOCKS_H

#include "codegen/cuda/Emitters.h"
#include "codegen/cuda/vocabulary/CudaBody.h"

namespace quipu::codegen::cuda {

/// An entry with a block for each row of the step or each output row, as `generated.rows` says.
inline GeneratedEntry rowEntry(llama::CudaPointwiseScheduleAttr schedule, const GeneratedKernel &generated) {
  GeneratedEntry entry;
  entry.symbol = cudaSymbol(generated.name);
  entry.rows = generated.rows;
  entry.threads = schedule.getThreads();
  return entry;
}

/// The greatest power of two that divides `extent` and is at most `most`.
inline int64_t widestRun(int64_t extent, int64_t most = 8) {
  int64_t run = 1;
  while (run * 2 <= most && extent % (run * 2) == 0)
    run *= 2;
  return run;
}

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_POINTWISE_ROWBLOCKS_H
