//===- MachineCode.cpp - The LLVM dialect to LLVM IR and PTX -------------------===//

#include "codegen/cuda/toolchain/MachineCode.h"

#include "codegen/common/LlvmBackend.h"
#include "codegen/cuda/Convergent.h"
#include "ir/Llama/Llama.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Target/LLVMIR/LLVMTranslationInterface.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Module.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;

namespace quipu::codegen::cuda {

static constexpr llvm::StringLiteral kTriple = "nvptx64-nvidia-cuda";

static BackendTarget backendOf(const CudaTarget &target) {
  return {kTriple.str(), target.ptxArch(), "+ptx" + std::to_string(target.ptxVersion()), std::nullopt, target.arch};
}

namespace {

/// Makes LLVM's attribute of the fact that an instruction's text is convergent (Convergent.h).
class ConvergentTranslation : public LLVMTranslationDialectInterface {
public:
  using LLVMTranslationDialectInterface::LLVMTranslationDialectInterface;

  LogicalResult amendOperation(Operation * /*op*/, ArrayRef<llvm::Instruction *> instructions, NamedAttribute attribute,
                               LLVM::ModuleTranslation & /*translation*/) const override {
    if (attribute.getName() == kConvergent)
      for (llvm::Instruction *instruction : instructions)
        if (auto *call = dyn_cast<llvm::CallBase>(instruction))
          call->setConvergent();
    return success();
  }
};

} // namespace

void prepareCudaTranslation(MLIRContext &context) {
  DialectRegistry registry;
  registry.addExtension(
      +[](MLIRContext *, llama::LlamaDialect *dialect) { dialect->addInterfaces<ConvergentTranslation>(); });
  context.appendDialectRegistry(registry);
  registerBuiltinDialectTranslation(context);
  registerLLVMDialectTranslation(context);
  registerNVVMDialectTranslation(context);
}

llvm::Expected<std::unique_ptr<llvm::Module>> translateCudaToLLVM(ModuleOp part, const CudaTarget &target,
                                                                  llvm::LLVMContext &context) {
  auto machine = createBackend(backendOf(target));
  if (!machine)
    return machine.takeError();
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(part, context, part.getName().value_or("kernels"));
  if (!module)
    return llvm::createStringError("could not translate the kernels to LLVM IR");
  module->setTargetTriple(llvm::Triple(kTriple));
  module->setDataLayout((*machine)->createDataLayout());
  for (llvm::Function &function : *module)
    function.addFnAttr(llvm::Attribute::NoUnwind);

  // LLVM neither unrolls nor vectorises here. Emitters unroll loops and write vectors themselves; ptxas does the rest.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = false;
  tuning.LoopInterleaving = false;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  optimise(*module, **machine, llvm::OptimizationLevel::O3, tuning);
  return module;
}

llvm::Expected<std::string> emitPtx(llvm::Module &module, const CudaTarget &target) {
  auto machine = createBackend(backendOf(target));
  if (!machine)
    return machine.takeError();
  llvm::Expected<llvm::SmallVector<char, 0>> text = emitFile(module, **machine, llvm::CodeGenFileType::AssemblyFile);
  if (!text)
    return text.takeError();
  std::string ptx(text->begin(), text->end());
  // A driver that compiles the PTX has no library with this function.
  if (size_t at = ptx.find("\n.extern .func"); at != std::string::npos) {
    // ".extern .func (.param .b32 result) name"
    llvm::StringRef line = llvm::StringRef(ptx).drop_front(at + 1).take_until([](char c) { return c == '\n'; });
    llvm::StringRef function = line.rtrim("( \t;").rsplit(' ').second;
    return llvm::createStringError("the kernels' code calls " + function +
                                   ", which no GPU has: a fault of quipu's code generation; another --dtype or "
                                   "--target may do");
  }
  return ptx;
}

} // namespace quipu::codegen::cuda
