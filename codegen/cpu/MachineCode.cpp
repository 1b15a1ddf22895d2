//===- MachineCode.cpp - The LLVM dialect to LLVM IR, assembly and ELF --------===//

#include "codegen/cpu/CpuKernel.h"

#include "lld/Common/Driver.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

LLD_HAS_DRIVER(elf)

using namespace mlir;

namespace quipu::codegen {

static constexpr llvm::StringLiteral kTriple = "x86_64-unknown-linux-gnu";

static llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const CpuTarget &target) {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86Target();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86AsmPrinter();
  llvm::Triple triple(kTriple);
  std::string error;
  const llvm::Target *llvmTarget = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!llvmTarget)
    return llvm::createStringError("LLVM has no x86-64 back end: " + error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  std::unique_ptr<llvm::TargetMachine> machine(llvmTarget->createTargetMachine(triple, "x86-64", target.featureString(),
                                                                               options, llvm::Reloc::PIC_, std::nullopt,
                                                                               llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return llvm::createStringError("LLVM could not create a machine for " + target.requested);
  return machine;
}

llvm::Expected<std::unique_ptr<llvm::Module>> translateToLLVM(ModuleOp code, const CpuTarget &target,
                                                              llvm::LLVMContext &context) {
  registerBuiltinDialectTranslation(*code.getContext());
  registerLLVMDialectTranslation(*code.getContext());
  auto machine = createTargetMachine(target);
  if (!machine)
    return machine.takeError();
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(code, context, "quipu-kernels");
  if (!module)
    return llvm::createStringError("could not translate the kernels to LLVM IR");
  module->setTargetTriple(llvm::Triple(kTriple));
  module->setDataLayout((*machine)->createDataLayout());
  for (llvm::Function &function : *module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", "x86-64");
    function.addFnAttr("tune-cpu", target.tune);
    function.addFnAttr("target-features", target.featureString());
    // Processors with 512-bit registers are given 512-bit vectors on purpose; LLVM would split them on some.
    function.addFnAttr("prefer-vector-width", std::to_string(target.lanes() * 32));
    function.addFnAttr("min-legal-vector-width", std::to_string(target.lanes() * 32));
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }

  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(machine->get());
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(*module, modules);
  return module;
}

/// Runs the back end into `out`.
static llvm::Error emitFile(llvm::Module &module, const CpuTarget &target, llvm::CodeGenFileType type,
                            llvm::SmallVectorImpl<char> &out) {
  auto machine = createTargetMachine(target);
  if (!machine)
    return machine.takeError();
  llvm::raw_svector_ostream stream(out);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr, type))
    return llvm::createStringError("LLVM's x86-64 back end cannot write this kind of file");
  passes.run(module);
  return llvm::Error::success();
}

llvm::Expected<std::string> emitAssembly(llvm::Module &module, const CpuTarget &target) {
  llvm::SmallVector<char, 0> text;
  if (llvm::Error error = emitFile(module, target, llvm::CodeGenFileType::AssemblyFile, text))
    return error;
  return std::string(text.begin(), text.end());
}

llvm::Expected<llvm::SmallVector<char, 0>> emitSharedLibrary(llvm::Module &module, const CpuTarget &target) {
  llvm::SmallVector<char, 0> object;
  if (llvm::Error error = emitFile(module, target, llvm::CodeGenFileType::ObjectFile, object))
    return error;

  // lld reads and writes files only.
  llvm::SmallString<128> objectPath, libraryPath;
  int descriptor = -1;
  if (std::error_code code = llvm::sys::fs::createTemporaryFile("quipu-kernels", "o", descriptor, objectPath))
    return llvm::createStringError(code, "could not create a temporary file for the kernels' object");
  llvm::scope_exit removeObject([&] { llvm::sys::fs::remove(objectPath); });
  {
    llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    stream.write(object.data(), object.size());
    stream.flush();
    if (stream.has_error()) {
      std::error_code code = stream.error();
      stream.clear_error();
      return llvm::createStringError(code, "could not write '" + objectPath.str() + "': " + code.message());
    }
  }
  if (std::error_code code = llvm::sys::fs::createTemporaryFile("quipu-kernels", "so", libraryPath))
    return llvm::createStringError(code, "could not create a temporary file for the kernels' library");
  llvm::scope_exit removeLibrary([&] { llvm::sys::fs::remove(libraryPath); });

  std::string objectName(objectPath.str()), libraryName(libraryPath.str());
  // sinf and cosf are left undefined: the runtime's process has libm.
  const char *arguments[] = {"ld.lld",      "-shared", "--gc-sections",     "--build-id=none", "-z",
                             "noexecstack", "-o",      libraryName.c_str(), objectName.c_str()};
  std::string messages;
  llvm::raw_string_ostream messageStream(messages);
  lld::Result result = lld::lldMain(arguments, messageStream, messageStream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return llvm::createStringError("lld could not link the kernels: " + messages);
  auto buffer = llvm::MemoryBuffer::getFile(libraryName, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(buffer.getError(), "could not read back '" + libraryName + "'");
  llvm::StringRef bytes = (*buffer)->getBuffer();
  return llvm::SmallVector<char, 0>(bytes.begin(), bytes.end());
}

} // namespace quipu::codegen
