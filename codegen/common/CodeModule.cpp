//===- CodeModule.cpp - Where generated code lies -----------------------------===//

#include "codegen/common/CodeModule.h"

#include "ir/Llama/DebugLog.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

ModuleOp codeOf(ModuleOp module) { return module.lookupSymbol<ModuleOp>(kCodeModuleName); }

FailureOr<ModuleOp> requireCode(ModuleOp module, StringRef device) {
  if (ModuleOp code = codeOf(module))
    return code;
  return module.emitError() << "has no generated code; run llama-emit-" << device << " before llama-lower-" << device;
}

static uint64_t operationsOf(LLVM::LLVMFuncOp function) {
  uint64_t operations = 0;
  function.getBody().walk([&](Operation *) { ++operations; });
  return operations;
}

CodeSize sizeOf(ModuleOp code) {
  CodeSize size;
  code.walk([&](LLVM::LLVMFuncOp function) {
    size.functions += !function.isExternal();
    size.operations += operationsOf(function);
  });
  return size;
}

EmittedCode emittedCode(ModuleOp module) {
  EmittedCode emitted;
  for (auto kernel : module.getOps<KernelOp>())
    if (CodeAttr code = kernel.getCodeAttr()) {
      ++emitted.kernels;
      emitted.functions += code.getEntries().size();
    }
  return emitted;
}

void describeKernels(ModuleOp module, const char *pass) {
  for (auto kernel : module.getOps<KernelOp>())
    if (CodeAttr code = kernel.getCodeAttr())
      QUIPU_DEBUG_OF(pass) << "@" << kernel.getSymName() << ": " << code;
}

void describeFunctions(ModuleOp code, const char *pass) {
  // The walk takes longer than nothing.
  if (!llvm::DebugFlag)
    return;
  code.walk([&](LLVM::LLVMFuncOp function) {
    if (!function.isExternal())
      QUIPU_DEBUG_OF(pass) << "function @" << function.getSymName() << ": " << operationsOf(function) << " operations";
  });
}

FailureOr<ModuleOp> createCodeModule(ModuleOp module) {
  if (Operation *present = module.lookupSymbol(kCodeModuleName))
    return present->emitOpError() << "is named @" << kCodeModuleName
                                  << ", which is the module of generated code; code is emitted once for a module";
  ModuleOp code = ModuleOp::create(module.getLoc(), kCodeModuleName);
  module.push_back(code);
  return code;
}

LogicalResult emitKernels(ModuleOp module, ModuleOp code, StringRef only,
                          llvm::function_ref<LogicalResult(KernelOp, const KernelUse &, GeneratedKernel &)> emit) {
  FailureOr<llvm::StringMap<KernelUse>> uses = findKernelUses(module);
  if (failed(uses))
    return failure();
  if (!only.empty() && !uses->contains(only)) {
    InFlightDiagnostic error = module.emitError() << "has no kernel @" << only << " that a program launches; kernels: ";
    auto launched = llvm::make_filter_range(module.getOps<KernelOp>(),
                                            [&](KernelOp kernel) { return uses->contains(kernel.getSymName()); });
    llvm::interleaveComma(launched, error, [&](KernelOp kernel) { error << kernel.getSymName(); });
    return error;
  }
  for (auto kernel : module.getOps<KernelOp>()) {
    auto use = uses->find(kernel.getSymName());
    if (use == uses->end() || (!only.empty() && kernel.getSymName() != only))
      continue;
    if (!kernel.getScheduleAttr())
      return kernel.emitOpError() << "has no schedule; run llama-select-schedules before code generation";
    GeneratedKernel generated{kernel.getSymName().str(), use->second.rows};
    if (failed(emit(kernel, use->second, generated)))
      return failure();
    kernel.setCodeAttr(generated.attribute(module.getContext()));
  }
  return success();
}

} // namespace quipu::codegen
