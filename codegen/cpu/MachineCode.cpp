//===- MachineCode.cpp - The LLVM dialect to LLVM IR, assembly and ELF --------===//

#include "codegen/cpu/CpuKernel.h"

#include "codegen/common/LlvmBackend.h"
#include "codegen/common/ScratchFile.h"
#include "codegen/cpu/LinkerOutput.h"
#include "lld/Common/Driver.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "runtime/abi/KernelAbi.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"

LLD_HAS_DRIVER(elf)

using namespace mlir;

namespace quipu::codegen::cpu {

static constexpr llvm::StringLiteral kTriple = "x86_64-unknown-linux-gnu";

static BackendTarget backendOf(const CpuTarget &target) {
  return {kTriple.str(), "x86-64", target.featureString(), llvm::Reloc::PIC_, target.requested};
}

llvm::Expected<std::unique_ptr<llvm::Module>> translateToLLVM(ModuleOp code, const CpuTarget &target,
                                                              llvm::LLVMContext &context) {
  registerBuiltinDialectTranslation(*code.getContext());
  registerLLVMDialectTranslation(*code.getContext());
  auto machine = createBackend(backendOf(target));
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
    // Emitters use 512-bit vectors on purpose. Without this attribute LLVM would split them on some processors.
    function.addFnAttr("prefer-vector-width", std::to_string(target.lanes() * 32));
    function.addFnAttr("min-legal-vector-width", std::to_string(target.lanes() * 32));
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }

  optimise(*module, **machine, llvm::OptimizationLevel::O2);
  return module;
}

static llvm::Expected<llvm::SmallVector<char, 0>> emitFile(llvm::Module &module, const CpuTarget &target,
                                                           llvm::CodeGenFileType type) {
  auto machine = createBackend(backendOf(target));
  if (!machine)
    return machine.takeError();
  return codegen::emitFile(module, **machine, type);
}

llvm::Expected<std::string> emitAssembly(llvm::Module &module, const CpuTarget &target) {
  llvm::Expected<llvm::SmallVector<char, 0>> text = emitFile(module, target, llvm::CodeGenFileType::AssemblyFile);
  if (!text)
    return text.takeError();
  return std::string(text->begin(), text->end());
}

/// Refuses code that calls functions which the loader would not find. LLVM's back end calls such helpers for operations
/// without an instruction.
static llvm::Error checkCalls(llvm::ArrayRef<char> object) {
#define QUIPU_NAME(name) #name,
  static constexpr llvm::StringLiteral kProvided[] = {QUIPU_HOST_FUNCTIONS(QUIPU_NAME)};
#undef QUIPU_NAME
  auto file = llvm::object::ObjectFile::createObjectFile({llvm::StringRef(object.data(), object.size()), "kernels"});
  if (!file)
    return file.takeError();
  for (const llvm::object::SymbolRef &symbol : (*file)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    if (!flags)
      return flags.takeError();
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    if (!name)
      return name.takeError();
    if ((*flags & llvm::object::SymbolRef::SF_Undefined) && !name->empty() && !llvm::is_contained(kProvided, *name))
      return llvm::createStringError("the kernels' code calls '" + *name + "', which the runtime does not have (only " +
                                     llvm::join(llvm::ArrayRef(kProvided), ", ") +
                                     "): a fault of quipu's code generation; another --dtype or --target may do");
  }
  return llvm::Error::success();
}

llvm::Expected<llvm::SmallVector<char, 0>> emitSharedLibrary(llvm::Module &module, const CpuTarget &target) {
  llvm::Expected<llvm::SmallVector<char, 0>> object = emitFile(module, target, llvm::CodeGenFileType::ObjectFile);
  if (!object)
    return object;
  if (llvm::Error error = checkCalls(*object))
    return error;

  ScratchFile file;
  if (llvm::Error error = file.create(".o", {object->data(), object->size()}))
    return error;
  LinkerOutput output;
  if (llvm::Error error = output.create())
    return error;
  // What is left undefined the runtime's process has: checkCalls saw to it. One thread: lld ends the process when it
  // cannot have more, and has little to do.
  const char *arguments[] = {"ld.lld", "-shared",     "--threads=1", "--gc-sections",       "--build-id=none",
                             "-z",     "noexecstack", "-o",          output.path().c_str(), file.path().c_str()};
  std::string messages;
  llvm::raw_string_ostream messageStream(messages);
  lld::Result result = lld::lldMain(arguments, messageStream, messageStream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return llvm::createStringError("lld could not link the kernels: " + messages);
  llvm::Expected<std::vector<char>> library = output.take();
  if (!library)
    return library.takeError();
  return llvm::SmallVector<char, 0>(library->begin(), library->end());
}

} // namespace quipu::codegen::cpu
