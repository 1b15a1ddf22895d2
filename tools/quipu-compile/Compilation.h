//===- Compilation.h - From a model to a plan -------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_COMPILATION_H
#define QUIPU_TOOLS_QUIPU_COMPILE_COMPILATION_H

#include "codegen/cpu/CpuKernel.h"
#include "codegen/cpu/CpuTarget.h"
#include "codegen/cuda/CudaKernel.h"
#include "frontends/common/Model.h"
#include "tools/quipu-compile/Options.h"
#include "tools/quipu-compile/Timing.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::tool {

/// One run of the compiler: opens a model, takes it through the phases, writes what was asked for. Every function
/// throws Error (or UsageError) when it cannot go on; what MLIR has to say about it is on standard error by then.
class Compilation {
public:
  explicit Compilation(const CompileOptions &options);

  void run();

private:
  void importModel();
  /// Runs the passes up to `last` (a phase's name; everything for "codegen").
  void runPasses(const std::string &last);
  /// Emits vector code for the kernels into `code`.
  void generateCode();

  void emitModule();
  void emitKernel();
  void emitLlvmOrAssembly();
  /// LLVM IR, PTX or a cubin of all kernels, or one.
  void emitCudaCode();
  void emitPlan();

  /// Writes text whole or not at all.
  void writeText(const std::string &path, const std::string &text) const;
  void dumpPhase(const std::string &name, mlir::ModuleOp op);
  /// The optimised LLVM module of the lowered code.
  std::unique_ptr<llvm::Module> lowerCode(llvm::LLVMContext &llvmContext);
  /// Refuses a --kernel that the module does not have.
  void checkKernelName();
  /// The kernel that --kernel names.
  const codegen::GeneratedKernel &findKernel() const;

  CompileOptions options;
  codegen::CpuTarget target;
  /// Nothing: `target`.
  std::optional<codegen::CudaTarget> cudaTarget;
  uint32_t maxSeq = 0;
  frontend::Model model;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module, code;
  std::vector<codegen::GeneratedKernel> kernels;
  Timing timing;
  unsigned dumped = 0;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_COMPILATION_H
