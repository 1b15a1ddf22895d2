//===- Codegen.h - Everything a driver needs of code generation -*- C++ -*-===//
//
// The way from imported module to plan, as a driver walks it:
//
//   parseCpuTarget("cpu:host")                               codegen/cpu/CpuTarget.h
//   phases of llama::getDefaultPhases up to llama-specialize passes/Passes.h (rowAlign = target.lanes())
//   createLlamaSelectSchedules({target})                     codegen/schedule/Passes.h
//   the phase llama-plan-memory
//   emitCpuKernels       one module of vector code           codegen/cpu/CpuKernel.h
//   lowerToLLVMDialect   the same in the LLVM dialect
//   translateToLLVM      optimised LLVM IR                   (--emit llvm prints it)
//   emitSharedLibrary    ELF                                 (emitAssembly: --emit asm)
//   buildPlan            FlatBuffer; writePlanFile adds the header   codegen/plan/PlanWriter.h, runtime/plan/PlanFile.h
//
// translateToLLVM's module is compiled once: emitting assembly and a library need a clone each.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CODEGEN_H
#define QUIPU_CODEGEN_CODEGEN_H

#include "codegen/cpu/CpuKernel.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/plan/PlanWriter.h"
#include "codegen/schedule/Passes.h"

#endif // QUIPU_CODEGEN_CODEGEN_H
