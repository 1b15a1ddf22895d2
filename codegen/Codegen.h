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
// For a GPU (parseCudaTarget, codegen/cuda/CudaTarget.h) the phases from llama-specialize on run once for each variant
// of the plan, with programs and rowAlign = 1, and code goes another way:
//
//   emitCudaKernels      a module ("part") for each program  codegen/cuda/CudaKernel.h
//   lowerCudaToLLVMDialect   the same in the LLVM dialect    (joinCudaParts: one module, to print)
//   translateCudaToLLVM  optimised LLVM IR of a part         (any number of parts at a time)
//   emitPtx              PTX of it                           (--emit ptx)
//   assemblePtx          a cubin, with NVIDIA's assembler    (--emit cubin)
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CODEGEN_H
#define QUIPU_CODEGEN_CODEGEN_H

#include "codegen/cpu/CpuKernel.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cuda/CudaKernel.h"
#include "codegen/cuda/CudaTarget.h"
#include "codegen/plan/PlanWriter.h"
#include "codegen/schedule/Passes.h"

#endif // QUIPU_CODEGEN_CODEGEN_H
