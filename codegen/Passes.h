//===- Passes.h - Passes of code generation ---------------------*- C++ -*-===//
//
// llama-select-schedules (codegen/schedule/), llama-emit-cpu and llama-lower-cpu (codegen/cpu/), llama-emit-cuda and
// llama-lower-cuda (codegen/cuda/). What a pass does not do is in CpuKernel.h and CudaKernel.h: from the LLVM dialect
// to machine code.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_PASSES_H
#define QUIPU_CODEGEN_PASSES_H

#include "ir/Llama/Llama.h"
#include "ir/Llama/PassStatistics.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace quipu::codegen {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "codegen/Passes.h.inc"

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PASSES_H
