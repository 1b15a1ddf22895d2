//===- SingleOps.h - Kernels of one op for CPUs -----------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CPU_SINGLEOPS_H
#define QUIPU_CODEGEN_CPU_SINGLEOPS_H

#include "codegen/common/GeneratedKernel.h"
#include "codegen/cpu/KernelBuilder.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen::cpu {

/// Emits the entry function `symbol` for a kernel that is `op` alone, over the rows that `rows` says.
template <typename Op>
using EmitOp = void(KernelBuilder &b, llama::KernelOp kernel, Op op, llama::CpuPointwiseScheduleAttr schedule,
                    RowDim rows, llvm::StringRef symbol);

#define SINGLE_OP(OP, EMIT) EmitOp<llama::OP> EMIT;
#include "codegen/cpu/SingleOps.def"

/// Calls the function that SingleOps.def has for the op of `kernel`. Fails with a diagnostic when it has none.
mlir::LogicalResult emitSingleOp(KernelBuilder &b, llama::KernelOp kernel, llama::CpuPointwiseScheduleAttr schedule,
                                 RowDim rows, llvm::StringRef symbol);

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_SINGLEOPS_H
