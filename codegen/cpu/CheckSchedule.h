//===- CheckSchedule.h - Whether a kernel can follow its schedule -*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CPU_CHECKSCHEDULE_H
#define QUIPU_CODEGEN_CPU_CHECKSCHEDULE_H

#include "codegen/cpu/CpuTarget.h"
#include "ir/Llama/Llama.h"
#include "runtime/abi/WeightFormat.h"

namespace quipu::codegen::cpu {

/// Whether emitters decode blocks of this format.
bool readsBlocks(const WeightFormat &format);

/// Fail with a diagnostic if the kernel's types or the target do not fit its schedule. Emitters assume that they fit.
/// Errors of the schedule alone are found by its verifier.
mlir::LogicalResult checkLinear(llama::KernelOp kernel, llama::CpuLinearScheduleAttr schedule, const CpuTarget &target);
mlir::LogicalResult checkAttention(llama::KernelOp kernel, llama::CpuAttentionScheduleAttr schedule,
                                   const CpuTarget &target);
mlir::LogicalResult checkPointwise(llama::KernelOp kernel, llama::CpuPointwiseScheduleAttr schedule,
                                   const CpuTarget &target);

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_CHECKSCHEDULE_H
