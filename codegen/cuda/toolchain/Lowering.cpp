//===- Lowering.cpp - Emitted CUDA code to the LLVM dialect --------------------===//

#include "codegen/cuda/toolchain/Lowering.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/NVVMToLLVM/NVVMToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace quipu::codegen::cuda {

void addCudaLowering(OpPassManager &passes) {
  // The parts are lowered at the same time.
  OpPassManager &part = passes.nest<ModuleOp>();
  part.addPass(createCSEPass());
  part.addPass(createSCFToControlFlowPass());
  part.addPass(createConvertNVVMToLLVMPass());
  part.addPass(createConvertMathToLLVMPass());
  part.addPass(createArithToLLVMConversionPass());
  part.addPass(createUBToLLVMConversionPass());
  part.addPass(createConvertControlFlowToLLVMPass());
  part.addPass(createReconcileUnrealizedCastsPass());
}

FailureOr<OwningOpRef<ModuleOp>> joinCudaParts(ModuleOp code) {
  OwningOpRef<ModuleOp> joined = ModuleOp::create(code.getLoc(), code.getName());
  SymbolTable symbols(*joined);
  for (auto part : code.getOps<ModuleOp>()) {
    for (Operation &op : *part.getBody()) {
      auto name = op.getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
      Operation *present = name ? symbols.lookup(name) : nullptr;
      if (!present) {
        Operation *copy = op.clone();
        name ? (void)symbols.insert(copy) : joined->push_back(copy);
        continue;
      }
      // Every part declares the shared memory of a block.
      if (!OperationEquivalence::isEquivalentTo(present, &op, OperationEquivalence::IgnoreLocations))
        return op.emitError() << "two parts of the code define " << name << " differently";
    }
  }
  return joined;
}

} // namespace quipu::codegen::cuda
