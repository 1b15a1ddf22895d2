//===- CpuEmitter.h - Schedules for which there is CPU code --------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CPU_CPUEMITTER_H
#define QUIPU_CODEGEN_CPU_CPUEMITTER_H

#include "codegen/common/KernelUses.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cpu/KernelBuilder.h"

#include "codegen/cpu/CpuEmitter.h.inc"

namespace quipu::codegen::cpu {

/// Attaches emitters to the schedules of the llama dialect. A pass that emits code registers them.
void registerEmitters(mlir::DialectRegistry &registry);

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_CPUEMITTER_H
