//===- CpuBackend.h - Kernels to an ELF library -----------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_CPUBACKEND_H
#define QUIPU_TOOLS_QUIPU_COMPILE_CPUBACKEND_H

#include "codegen/cpu/CheckSchedule.h"
#include "codegen/cpu/CpuTarget.h"
#include "tools/quipu-compile/Backend.h"

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace quipu::tool {

class CpuBackend : public Backend {
public:
  CpuBackend(const CompileOptions &options, Timing &timing);

  std::vector<std::string> targets() const override { return {options.target}; }
  bool readsBlocks(const WeightFormat &format) const override { return codegen::cpu::readsBlocks(format); }
  frontend::DType dtypeForBlocks() const override { return frontend::DType::f32; }
  void takeTarget(mlir::ModuleOp module) override;
  std::unique_ptr<mlir::Pass> createEmission(const std::string &target) override;
  std::string emit(const Variant &variant) override;
  codegen::PlanTarget planTarget() const override;
  std::vector<codegen::PlanVariant> compile(std::vector<Variant> &variants) override;

private:
  /// The optimised LLVM module of the code of `module`, which is lowered in place.
  std::unique_ptr<llvm::Module> lower(mlir::ModuleOp module, llvm::LLVMContext &context);
  /// The ELF library of the code of `module`, which is lowered in place.
  std::string compileLibrary(mlir::ModuleOp module);

  const CompileOptions &options;
  Timing &timing;
  codegen::cpu::CpuTarget target;
  /// What passes are told of it. Empty: the module has it.
  std::string targetText;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_CPUBACKEND_H
