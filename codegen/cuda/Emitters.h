//===- Emitters.h - One function for each form of CUDA kernel ---*- C++ -*-===//
//
// Each gives the body of a kernel (CudaBody.h). Globals that the body needs are emitted at once, at the builder's
// insertion point, which is in the code module; the code comes when the body is called. Fails with a diagnostic on the
// kernel when the region or the schedule does not suit the form. Kernels of one pointwise op are in SingleOps.h.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_EMITTERS_H
#define QUIPU_CODEGEN_CUDA_EMITTERS_H

#include "codegen/common/LinearRegion.h"
#include "codegen/cuda/vocabulary/CudaBody.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen::cuda {

// Some emitters test for one value of these enums and take all other values for the same. They would take a new value
// for it too, without an error.
static_assert(llama::getMaxEnumValForRowRegime() == 1 && llama::getMaxEnumValForCudaDot() == 2 &&
                  llama::getMaxEnumValForRotaryLayout() == 1,
              "look through the emitters for CUDA: they do not know the new member");

/// The symbol of an entry: PTX identifiers have no dots ("decode.qkv" becomes "decode_qkv").
std::string cudaSymbol(llvm::StringRef kernelName, llvm::StringRef suffix = "");

mlir::FailureOr<CudaBody> emitLinearFew(CudaBuilder &b, LinearRegion &region, llama::CudaLinearFewScheduleAttr schedule,
                                        const GeneratedKernel &generated);
/// With the weight through a ring in shared memory.
mlir::FailureOr<CudaBody> emitLinearFewRing(CudaBuilder &b, LinearRegion &region,
                                            llama::CudaLinearRingScheduleAttr schedule, int64_t maxRows,
                                            const GeneratedKernel &generated);
/// With `mma.sync` and cp.async. `maxRows`: bound on the rows of the program.
mlir::FailureOr<CudaBody> emitLinearManyMma(CudaBuilder &b, LinearRegion &region,
                                            llama::CudaLinearManyScheduleAttr schedule, int64_t maxRows,
                                            const GeneratedKernel &generated);
/// With wgmma and tensor maps.
mlir::FailureOr<CudaBody> emitLinearManyWgmma(CudaBuilder &b, LinearRegion &region,
                                              llama::CudaLinearManyScheduleAttr schedule, int64_t maxRows,
                                              const GeneratedKernel &generated);
/// The prologue of both: it writes the normalised (and gathered) rows to workspace 0.
mlir::FailureOr<CudaBody> emitNormalise(LinearRegion &region, int64_t maxRows, const GeneratedKernel &generated);

mlir::FailureOr<CudaBody> emitAttentionFew(CudaBuilder &b, llama::KernelOp kernel, llama::AttentionOp attention,
                                           llama::CudaAttentionScheduleAttr schedule, int64_t maxRows,
                                           const GeneratedKernel &generated);
/// The same for the lone rows of a kernel for many rows.
mlir::FailureOr<CudaBody> emitAttentionLone(CudaBuilder &b, llama::KernelOp kernel, llama::AttentionOp attention,
                                            llama::CudaAttentionScheduleAttr schedule, int64_t maxRows,
                                            const GeneratedKernel &generated);
/// With mma.sync.
mlir::FailureOr<CudaBody> emitAttentionMany(CudaBuilder &b, llama::KernelOp kernel, llama::AttentionOp attention,
                                            llama::CudaAttentionScheduleAttr schedule, int64_t maxRows,
                                            const GeneratedKernel &generated);
/// The same, with one token in a block, for the lone rows of a kernel for many rows.
mlir::FailureOr<CudaBody> emitAttentionManyLone(CudaBuilder &b, llama::KernelOp kernel, llama::AttentionOp attention,
                                                llama::CudaAttentionScheduleAttr schedule, int64_t maxRows,
                                                const GeneratedKernel &generated);
/// With wgmma.
mlir::FailureOr<CudaBody> emitAttentionManyWgmma(CudaBuilder &b, llama::KernelOp kernel, llama::AttentionOp attention,
                                                 llama::CudaAttentionScheduleAttr schedule,
                                                 const GeneratedKernel &generated);

/// The service kernels of runtime/abi/CudaAbi.h.
void emitServices(CudaBuilder &b);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_EMITTERS_H
