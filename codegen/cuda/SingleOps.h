//===- SingleOps.h - Kernels of one op for CUDA -----------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_SINGLEOPS_H
#define QUIPU_CODEGEN_CUDA_SINGLEOPS_H

#include "codegen/cuda/vocabulary/CudaBody.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen::cuda {

/// The body of a kernel that is `op` alone, over the rows that `generated.rows` says. Fails with a diagnostic on the
/// kernel if its sizes do not suit.
template <typename Op>
using EmitOp = mlir::FailureOr<CudaBody>(CudaBuilder &b, llama::KernelOp kernel, Op op,
                                         llama::CudaPointwiseScheduleAttr schedule, const GeneratedKernel &generated);

#define SINGLE_OP(OP, EMIT) EmitOp<llama::OP> EMIT;
#include "codegen/cuda/SingleOps.def"

/// Calls the function that SingleOps.def has for the op of a kernel. Fails with a diagnostic when it has none.
mlir::FailureOr<CudaBody> emitSingleOp(CudaBuilder &b, llama::KernelOp kernel,
                                       llama::CudaPointwiseScheduleAttr schedule, const GeneratedKernel &generated);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_SINGLEOPS_H
