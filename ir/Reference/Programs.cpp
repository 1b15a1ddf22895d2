//===- Programs.cpp - Programs as plain functions -------------------------===//

#include "ir/Reference/Programs.h"

#include "ir/Llama/Llama.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace quipu::llama {

/// Puts the ops of its kernel in the place of a launch. Their locations keep that of the launch. MLIR's inliner does
/// the same where the dialect of the function that launches takes part in inlining, which is for the caller of a pass
/// to decide.
static void inlineLaunch(LaunchOp launch, KernelOp kernel) {
  Block &body = kernel.getBody().front();
  OpBuilder builder(launch);
  IRMapping mapping;
  mapping.map(body.getArguments(), launch.getOperands());
  for (Operation &op : body.without_terminator())
    builder.clone(op, mapping)->setLoc(CallSiteLoc::get(op.getLoc(), launch.getLoc()));
  for (auto [result, yielded] : llvm::zip_equal(launch.getResults(), body.getTerminator()->getOperands()))
    result.replaceAllUsesWith(mapping.lookupOrDefault(yielded));
  launch.erase();
}

/// Appends all weights of the module, in its order, to the arguments of a function that refers to some.
static void takeWeightsAsArguments(func::FuncOp func, ArrayRef<WeightOp> weights) {
  SmallVector<WeightRefOp> references;
  func.walk([&](WeightRefOp reference) { references.push_back(reference); });
  if (references.empty())
    return;
  llvm::DenseMap<StringRef, Value> arguments;
  for (WeightOp weight : weights) {
    unsigned number = func.getNumArguments();
    [[maybe_unused]] LogicalResult inserted =
        func.insertArgument(number, weight.getType(), DictionaryAttr(), weight.getLoc());
    assert(succeeded(inserted) && "arguments of a function can be inserted at the end");
    arguments[weight.getSymName()] = func.getArgument(number);
  }
  for (WeightRefOp reference : references) {
    reference.replaceAllUsesWith(arguments.lookup(reference.getWeight()));
    reference.erase();
  }
}

void makePlainFunctions(ModuleOp module) {
  SymbolTable symbols(module);
  if (auto code = module.lookupSymbol<ModuleOp>(kCodeModuleName))
    code.erase();
  SmallVector<LaunchOp> launches;
  module.walk([&](LaunchOp launch) { launches.push_back(launch); });
  for (LaunchOp launch : launches)
    inlineLaunch(launch, symbols.lookup<KernelOp>(launch.getKernel()));

  SmallVector<WeightOp> weights(module.getOps<WeightOp>());
  for (auto func : module.getOps<func::FuncOp>()) {
    takeWeightsAsArguments(func, weights);
    if (func->removeAttr(kProgramAttrName))
      func->setAttr(LLVM::LLVMDialect::getEmitCWrapperAttrName(), UnitAttr::get(module.getContext()));
    func->removeAttr(kArenaBytesAttrName);
  }
  for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
    if (isa<WeightOp, KernelOp>(op))
      op.erase();
}

} // namespace quipu::llama
