//===- MachineCode.h - The LLVM dialect to LLVM IR and PTX ------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CUDA_TOOLCHAIN_MACHINECODE_H
#define QUIPU_CODEGEN_CUDA_TOOLCHAIN_MACHINECODE_H

#include "codegen/cuda/CudaTarget.h"
#include "mlir/IR/BuiltinOps.h"

#include <memory>
#include <string>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace quipu::codegen::cuda {

/// Makes `context` ready for translateCudaToLLVM.
void prepareCudaTranslation(mlir::MLIRContext &context);

/// Translates a lowered part to LLVM IR for `target` and optimises it. May run in several threads, with an LLVM context
/// each.
llvm::Expected<std::unique_ptr<llvm::Module>> translateCudaToLLVM(mlir::ModuleOp part, const CudaTarget &target,
                                                                  llvm::LLVMContext &context);

/// PTX text of an optimised module.
llvm::Expected<std::string> emitPtx(llvm::Module &module, const CudaTarget &target);

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_TOOLCHAIN_MACHINECODE_H
