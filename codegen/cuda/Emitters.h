//===- Emitters.h - One function for each form of CUDA kernel ---*- C++ -*-===//
//
// Each emits the entry functions of a kernel at the builder's insertion point (the body of the code module) and appends
// what launching them takes to `generated.entries`. Fails with a diagnostic on the kernel when the region or the
// schedule does not suit the form. Kernels of one pointwise op are in SingleOps.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_EMITTERS_H
#define QUIPU_CODEGEN_CUDA_EMITTERS_H

#include "codegen/common/GeneratedKernel.h"
#include "codegen/common/LinearRegion.h"
#include "codegen/cuda/vocabulary/CudaBuilder.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen::cuda {

// Emitters ask for some members of these lists and take what is left for the others.
static_assert(llama::getMaxEnumValForRowRegime() == 1 && llama::getMaxEnumValForCudaDot() == 2 &&
                  llama::getMaxEnumValForRotaryLayout() == 1,
              "look through the emitters for CUDA: they do not know the new member");

/// The symbol of an entry: PTX identifiers have no dots ("decode.qkv" becomes "decode_qkv").
std::string cudaSymbol(llvm::StringRef kernelName, llvm::StringRef suffix = "");

mlir::LogicalResult emitLinearFew(CudaBuilder &b, LinearRegion &region, llama::CudaLinearFewScheduleAttr schedule,
                                  GeneratedKernel &generated);
/// With the weight through a ring in shared memory.
mlir::LogicalResult emitLinearFewRing(CudaBuilder &b, LinearRegion &region, llama::CudaLinearRingScheduleAttr schedule,
                                      int64_t maxRows, GeneratedKernel &generated);
/// With `mma.sync` and cp.async. `maxRows`: bound on the rows of the program.
mlir::LogicalResult emitLinearManyMma(CudaBuilder &b, LinearRegion &region, llama::CudaLinearManyScheduleAttr schedule,
                                      int64_t maxRows, GeneratedKernel &generated);
/// With wgmma and tensor maps.
mlir::LogicalResult emitLinearManyWgmma(CudaBuilder &b, LinearRegion &region,
                                        llama::CudaLinearManyScheduleAttr schedule, int64_t maxRows,
                                        GeneratedKernel &generated);
/// The prologue of both: the normalised (and gathered) rows into workspace 0.
mlir::LogicalResult emitNormalise(CudaBuilder &b, LinearRegion &region, int64_t maxRows, GeneratedKernel &generated);

mlir::LogicalResult emitAttentionFew(CudaBuilder &b, llama::KernelOp kernel, llama::AttentionOp attention,
                                     llama::CudaAttentionScheduleAttr schedule, int64_t maxRows,
                                     GeneratedKernel &generated);
/// With mma.sync.
mlir::LogicalResult emitAttentionMany(CudaBuilder &b, llama::KernelOp kernel, llama::AttentionOp attention,
                                      llama::CudaAttentionScheduleAttr schedule, GeneratedKernel &generated);
/// With wgmma.
mlir::LogicalResult emitAttentionManyWgmma(CudaBuilder &b, llama::KernelOp kernel, llama::AttentionOp attention,
                                           llama::CudaAttentionScheduleAttr schedule, GeneratedKernel &generated);

/// The service kernels of runtime/abi/CudaAbi.h.
void emitServices(CudaBuilder &b);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_EMITTERS_H
