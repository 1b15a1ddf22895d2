//===- KernelText.cpp - A kernel and its code, as text ---------------------===//

#include "tools/quipu-compile/KernelText.h"

#include "codegen/common/CodeModule.h"
#include "ir/Llama/Provenance.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/Support/raw_ostream.h"

namespace quipu::tool {

mlir::Location placeForUser(mlir::Location loc) {
  llvm::StringRef place = llama::placeOf(loc);
  return place.empty() ? loc : mlir::NameLoc::get(mlir::StringAttr::get(loc.getContext(), place));
}

/// A part of the module, with the places of its ops alone.
static std::string printWithPlaces(mlir::Operation *op) {
  mlir::OwningOpRef<mlir::Operation *> copy = op->clone();
  copy.get()->walk([](mlir::Operation *inner) {
    inner->setLoc(placeForUser(inner->getLoc()));
    for (mlir::Region &region : inner->getRegions())
      for (mlir::Block &block : region)
        for (mlir::BlockArgument argument : block.getArguments())
          argument.setLoc(placeForUser(argument.getLoc()));
  });
  std::string text;
  llvm::raw_string_ostream stream(text);
  mlir::OpPrintingFlags flags;
  copy.get()->print(stream, flags.enableDebugInfo(true, /*prettyForm=*/false).useLocalScope());
  stream << "\n";
  return text;
}

std::string kernelText(llama::KernelOp kernel, mlir::ModuleOp module) {
  std::string text = printWithPlaces(kernel) + "\n// -----\n\n";
  // Code for a GPU lies in a module of its own within that of the code.
  for (llama::EntryAttr entry : kernel.getCodeAttr().getEntries())
    codegen::codeOf(module).walk([&](mlir::LLVM::LLVMFuncOp function) {
      if (function.getSymName() == entry.getSymbol())
        text += printWithPlaces(function);
    });
  return text;
}

} // namespace quipu::tool
