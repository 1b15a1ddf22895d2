//===- CpuKernel.h - From scheduled kernels to CPU code ---------*- C++ -*-===//
//
// The CPU code generator: every `llama.kernel` of a module, scheduled by llama-select-schedules, becomes entry
// functions in one module of vector code, which is lowered to LLVM IR and compiled to an ELF shared library.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_CPUKERNEL_H
#define QUIPU_CODEGEN_CPU_CPUKERNEL_H

#include "codegen/cpu/CpuTarget.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace quipu::codegen::cpu {

/// Emits vector code for the kernels of `module` that its programs launch, into a module beside them (codeOf). Gives
/// each kernel its #llama.code. With `only` it emits the kernel of this name and nothing else. The pass llama-emit-cpu
/// calls it. The dialects of the code must be loaded.
mlir::LogicalResult emitCpuKernels(mlir::ModuleOp module, const CpuTarget &target, llvm::StringRef only = {});

/// Adds the passes that lower emitted vector code to the LLVM dialect: those of llama-lower-cpu.
void addCpuLowering(mlir::OpPassManager &passes, const CpuTarget &target);

/// Translates the lowered module to LLVM IR for `target` and optimises it.
llvm::Expected<std::unique_ptr<llvm::Module>> translateToLLVM(mlir::ModuleOp code, const CpuTarget &target,
                                                              llvm::LLVMContext &context);

/// Assembly text of an optimised module.
llvm::Expected<std::string> emitAssembly(llvm::Module &module, const CpuTarget &target);

/// An ELF shared library of an optimised module.
llvm::Expected<llvm::SmallVector<char, 0>> emitSharedLibrary(llvm::Module &module, const CpuTarget &target);

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_CPUKERNEL_H
