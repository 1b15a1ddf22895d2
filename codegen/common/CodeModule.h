//===- CodeModule.h - Where generated code lies -----------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_CODEMODULE_H
#define QUIPU_CODEGEN_COMMON_CODEMODULE_H

#include "codegen/common/GeneratedKernel.h"
#include "codegen/common/KernelUses.h"
#include "mlir/IR/BuiltinOps.h"

namespace quipu::codegen {

/// The generated code of `module`. Null if no code was emitted.
mlir::ModuleOp codeOf(mlir::ModuleOp module);

/// The same for the pass llama-lower-`device`. Fails with a diagnostic if no code was emitted.
mlir::FailureOr<mlir::ModuleOp> requireCode(mlir::ModuleOp module, llvm::StringRef device);

/// Calls `emit` for each kernel that a program launches. `emit` adds the kernel's functions to `code`. Then the kernel
/// gets its #llama.code. If `only` is not empty, it names the only kernel to emit. Fails with a diagnostic if a kernel
/// has no schedule, or no program launches `only`.
mlir::LogicalResult
emitKernels(mlir::ModuleOp module, mlir::ModuleOp code, llvm::StringRef only,
            llvm::function_ref<mlir::LogicalResult(llama::KernelOp, const KernelUse &, GeneratedKernel &)> emit);

/// How much code there is: functions with a body, and operations in them.
struct CodeSize {
  uint64_t functions = 0, operations = 0;
};
CodeSize sizeOf(mlir::ModuleOp code);

/// The same of what llama-emit-* has emitted for kernels: kernels that have code, and functions that these name.
struct EmittedCode {
  uint64_t kernels = 0, functions = 0;
};
EmittedCode emittedCode(mlir::ModuleOp module);

/// Debug lines of `pass`: each kernel's #llama.code; each function's size.
void describeKernels(mlir::ModuleOp module, const char *pass);
void describeFunctions(mlir::ModuleOp code, const char *pass);

/// Makes an empty module for generated code in `module`. Fails with a diagnostic if there is one already.
mlir::FailureOr<mlir::ModuleOp> createCodeModule(mlir::ModuleOp module);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_CODEMODULE_H
