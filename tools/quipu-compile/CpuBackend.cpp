//===- CpuBackend.cpp - Kernels to an ELF library --------------------------===//

#include "tools/quipu-compile/CpuBackend.h"

#include "codegen/cpu/CpuKernel.h"
#include "tools/quipu-compile/KernelProgress.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

namespace quipu::tool {

CpuBackend::CpuBackend(const CompileOptions &options, Timing &timing)
    : options(options), timing(timing), target(takeFromUser(codegen::parseCpuTarget(options.target))) {
  if (options.emit == Emit::Ptx || options.emit == Emit::Cubin)
    throw UsageError("--emit ptx and --emit cubin go with a CUDA target (--target cuda), not with --target " +
                     options.target);
}

mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>> CpuBackend::generate(Variant &variant) {
  return timing.measure("generate vector code",
                        [&] { return codegen::emitCpuKernels(*variant.module, target, variant.kernels); });
}

std::unique_ptr<llvm::Module> CpuBackend::lower(mlir::ModuleOp code, llvm::LLVMContext &context) {
  if (failed(timing.measure("lower to LLVM", [&] { return codegen::lowerToLLVMDialect(code, target); })))
    fail(options.model, ": the kernels could not be lowered to LLVM");
  return timing.measure("optimise LLVM IR", [&] { return take(codegen::translateToLLVM(code, target, context)); });
}

/// Leaves the functions of one kernel, and what they call.
static void keepEntries(llvm::Module &module, const codegen::GeneratedKernel &kernel) {
  auto isEntry = [&](const llvm::Function &function) {
    return llvm::any_of(kernel.entries,
                        [&](const codegen::GeneratedEntry &entry) { return entry.symbol == function.getName(); });
  };
  bool changed = true;
  while (changed) {
    changed = false;
    for (llvm::Function &function : llvm::make_early_inc_range(module)) {
      if (isEntry(function) || !function.use_empty())
        continue;
      function.eraseFromParent();
      changed = true;
    }
  }
}

std::string CpuBackend::emit(const Variant &variant) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = lower(*variant.code, context);
  for (const codegen::GeneratedKernel &kernel : variant.kernels)
    if (kernel.name == options.kernel)
      keepEntries(*module, kernel);
  std::string text;
  switch (options.emit) {
  case Emit::Asm:
    return timing.measure("assemble", [&] { return take(codegen::emitAssembly(*module, target)); });
  case Emit::Llvm:
    llvm::raw_string_ostream(text) << *module;
    return text;
  case Emit::Ptx:
  case Emit::Cubin:
  case Emit::Plan:
  case Emit::Executable:
  case Emit::Mlir:
    break;
  }
  llvm_unreachable("no code of a CPU is asked for in this form");
}

codegen::PlanTarget CpuBackend::planTarget() const { return {"cpu", target.requested, target.features}; }

std::vector<codegen::PlanVariant> CpuBackend::compile(std::vector<Variant> &variants) {
  Variant &variant = variants.front();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = lower(*variant.code, context);
  Progress progress("assemble", KernelProgress::functionsOf(*module), Progress::Unit::Items, "kernel");
  KernelProgress::attach(context, progress);
  llvm::SmallVector<char, 0> library =
      timing.measure("assemble and link", [&] { return take(codegen::emitSharedLibrary(*module, target)); });
  codegen::PlanCode code{plan::CodeFormat::elf, "x86_64", {library.begin(), library.end()}};
  return {{"x86_64", *variant.module, variant.kernels, {std::move(code)}}};
}

} // namespace quipu::tool
