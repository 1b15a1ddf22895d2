//===- MachineCode.cpp - The LLVM dialect to LLVM IR and PTX -------------------===//

#include "codegen/cuda/CudaKernel.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;

namespace quipu::codegen {

static constexpr llvm::StringLiteral kTriple = "nvptx64-nvidia-cuda";

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const CudaTarget &target) {
  // The registry is a list without a lock, and parts of a plan's code are compiled at the same time.
  [[maybe_unused]] static const bool isRegistered = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  llvm::Triple triple(kTriple);
  std::string error;
  const llvm::Target *llvmTarget = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!llvmTarget)
    return llvm::createStringError("LLVM has no NVPTX back end: " + error);
  llvm::TargetOptions options;
  // What shall be fused is written as fma: some service kernels must give the bits that the CPU gives.
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  std::string features = "+ptx" + std::to_string(target.ptxVersion());
  std::unique_ptr<llvm::TargetMachine> machine(llvmTarget->createTargetMachine(
      triple, target.ptxArch(), features, options, std::nullopt, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return llvm::createStringError("LLVM could not create a machine for " + target.arch);
  return machine;
}

void prepareCudaTranslation(MLIRContext &context) {
  registerBuiltinDialectTranslation(context);
  registerLLVMDialectTranslation(context);
  registerNVVMDialectTranslation(context);
}

llvm::Expected<std::unique_ptr<llvm::Module>> translateCudaToLLVM(ModuleOp part, const CudaTarget &target,
                                                                  llvm::LLVMContext &context) {
  auto machine = createTargetMachine(target);
  if (!machine)
    return machine.takeError();
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(part, context, part.getName().value_or("kernels"));
  if (!module)
    return llvm::createStringError("could not translate the kernels to LLVM IR");
  module->setTargetTriple(llvm::Triple(kTriple));
  module->setDataLayout((*machine)->createDataLayout());
  for (llvm::Function &function : *module) {
    function.addFnAttr(llvm::Attribute::NoUnwind);
    // Barriers and what a warp does together must stay where all threads come by.
    for (llvm::Instruction &instruction : llvm::instructions(function))
      if (auto *call = dyn_cast<llvm::CallBase>(&instruction))
        if (auto *text = dyn_cast<llvm::InlineAsm>(call->getCalledOperand()))
          if (text->hasSideEffects() || text->getAsmString().find(".sync") != std::string::npos)
            call->setConvergent();
  }

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  // Emitters unroll what shall be unrolled and write vectors where they want them; ptxas does the rest.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = false;
  tuning.LoopInterleaving = false;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(machine->get(), tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(*module, modules);
  return module;
}

llvm::Expected<std::string> emitPtx(llvm::Module &module, const CudaTarget &target) {
  auto machine = createTargetMachine(target);
  if (!machine)
    return machine.takeError();
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("LLVM's NVPTX back end cannot write PTX");
  passes.run(module);
  return std::string(text.begin(), text.end());
}

} // namespace quipu::codegen
