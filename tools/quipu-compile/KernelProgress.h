//===- KernelProgress.h - Which kernel LLVM is at -----------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_KERNELPROGRESS_H
#define QUIPU_TOOLS_QUIPU_COMPILE_KERNELPROGRESS_H

#include "runtime/support/Progress.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

#include <memory>

namespace quipu::tool {

/// Counts the functions of a module while a back end writes them. LLVM's back end sends a remark with each function's
/// size when the function is done. Other diagnostics go to LLVM's own handler.
class KernelProgress : public llvm::DiagnosticHandler {
public:
  /// Counts into `progress`, which must outlive what the context is used for.
  static void attach(llvm::LLVMContext &context, Progress &progress) {
    context.setDiagnosticHandler(std::make_unique<KernelProgress>(progress), /*RespectFilters=*/true);
  }

  static uint64_t functionsOf(const llvm::Module &module) {
    return uint64_t(llvm::count_if(module, [](const llvm::Function &function) { return !function.isDeclaration(); }));
  }

  explicit KernelProgress(Progress &progress) : progress(progress) {}

  bool isAnalysisRemarkEnabled(llvm::StringRef pass) const override { return pass == "asm-printer"; }
  bool isMissedOptRemarkEnabled(llvm::StringRef) const override { return false; }
  bool isPassedOptRemarkEnabled(llvm::StringRef) const override { return false; }
  bool isAnyRemarkEnabled() const override { return true; }

  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    if (info.getKind() != llvm::DK_MachineOptimizationRemarkAnalysis)
      return false;
    if (static_cast<const llvm::DiagnosticInfoOptimizationBase &>(info).getRemarkName() == "InstructionCount")
      progress.add(1);
    return true;
  }

private:
  Progress &progress;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_KERNELPROGRESS_H
