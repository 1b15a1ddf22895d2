//===- DebugLines.cpp - From instructions to the lines of a module -------------===//

#include "codegen/common/DebugLines.h"

#include "ir/Llama/Provenance.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

/// Every op of the function gets a line: its own, or that of the function. False: the function has none.
static bool setLines(LLVM::LLVMFuncOp function) {
  auto lineOf = [&](Location loc) -> LocationAttr {
    unsigned line = sourceLineOf(loc);
    return line ? FileLineColLoc::get(function.getContext(), kSourceFile, line, 1) : LocationAttr();
  };
  LocationAttr whole = lineOf(function.getLoc());
  if (!whole)
    return false;
  function.getBody().walk([&](Operation *op) {
    LocationAttr own = lineOf(op->getLoc());
    op->setLoc(own ? own : whole);
  });
  function->setLoc(whole);
  return true;
}

LogicalResult addDebugLines(ModuleOp code, DebugForm form) {
  // A module of LLVM is a module with functions: the parts of code for CUDA are several.
  SmallVector<ModuleOp> modules;
  code.walk([&](ModuleOp module) {
    bool hasLines = false;
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      hasLines |= !function.isExternal() && setLines(function);
    if (hasLines)
      modules.push_back(module);
  });
  LLVM::DIScopeForLLVMFuncOpPassOptions options;
  options.emissionKind =
      form == DebugForm::Dwarf ? LLVM::DIEmissionKind::LineTablesOnly : LLVM::DIEmissionKind::DebugDirectivesOnly;
  for (ModuleOp module : modules) {
    // The name of the compile unit.
    module->setLoc(FileLineColLoc::get(module.getContext(), kSourceFile, 1, 1));
    PassManager passes(module->getName());
    passes.addPass(LLVM::createDIScopeForLLVMFuncOpPass(options));
    if (failed(passes.run(module)))
      return failure();
  }
  return success();
}

} // namespace quipu::codegen
