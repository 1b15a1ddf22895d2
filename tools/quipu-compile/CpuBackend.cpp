//===- CpuBackend.cpp - Kernels to an ELF library --------------------------===//

#include "tools/quipu-compile/CpuBackend.h"

#include "codegen/Passes.h"
#include "codegen/common/CodeModule.h"
#include "codegen/common/DebugLines.h"
#include "codegen/cpu/CpuKernel.h"
#include "tools/quipu-compile/KernelCache.h"
#include "tools/quipu-compile/KernelProgress.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

namespace quipu::tool {

CpuBackend::CpuBackend(const CompileOptions &options, Timing &timing)
    : options(options), timing(timing), target(takeFromUser(codegen::cpu::parseCpuTarget(options.target))),
      targetText(options.target) {
  if (options.emit == Emit::Ptx || options.emit == Emit::Cubin)
    throw UsageError("--emit ptx and --emit cubin go with a CUDA target (--target cuda), not with --target " +
                     options.target);
}

void CpuBackend::takeTarget(mlir::ModuleOp module) {
  target = take(codegen::cpu::takeCpuTarget(module->getAttrOfType<llama::CpuTargetAttr>(llama::kTargetAttrName)));
  targetText.clear();
}

std::unique_ptr<mlir::Pass> CpuBackend::createEmission(const std::string &) {
  return codegen::createLlamaEmitCpu({targetText, options.kernel});
}

std::unique_ptr<llvm::Module> CpuBackend::lower(mlir::ModuleOp module, llvm::LLVMContext &context) {
  mlir::LogicalResult lowered = timing.measure(
      "lower to LLVM", [&] { return runPass(module, codegen::createLlamaLowerCpu({targetText}), statistics); });
  if (failed(lowered))
    fail(options.subject(), ": the kernels could not be lowered to LLVM");
  if (options.keepIr && failed(codegen::addDebugLines(codegen::codeOf(module), codegen::DebugForm::Dwarf)))
    fail(options.subject(), ": the kernels could not be given debug information");
  return timing.measure("optimise LLVM IR",
                        [&] { return take(codegen::cpu::translateToLLVM(codegen::codeOf(module), target, context)); });
}

std::string CpuBackend::emit(const Variant &variant) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module = lower(*variant.module, context);
  std::string text;
  switch (options.emit) {
  case Emit::Asm:
    return timing.measure("assemble", [&] { return take(codegen::cpu::emitAssembly(*module, target)); });
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

std::string CpuBackend::compileLibrary(mlir::ModuleOp module) {
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> optimised = lower(module, context);
  Progress progress("assemble", KernelProgress::functionsOf(*optimised), Progress::Unit::Items, "kernel");
  KernelProgress::attach(context, progress);
  llvm::SmallVector<char, 0> library =
      timing.measure("assemble and link", [&] { return take(codegen::cpu::emitSharedLibrary(*optimised, target)); });
  return {library.begin(), library.end()};
}

std::vector<codegen::PlanVariant> CpuBackend::compile(std::vector<Variant> &variants) {
  mlir::ModuleOp module = *variants.front().module;
  KernelCache cache(options);
  std::string key = cache.keyOf(codegen::codeOf(module), {"elf", target.tune, target.featureString()});
  std::optional<std::vector<std::string>> library = cache.find(key);
  if (!library) {
    library = {compileLibrary(module)};
    cache.keep(key, *library);
  }
  const std::string &bytes = library->front();
  codegen::PlanCode code{plan::CodeFormat::elf, "x86_64", {bytes.begin(), bytes.end()}};
  return {{"x86_64", module, {std::move(code)}}};
}

} // namespace quipu::tool
