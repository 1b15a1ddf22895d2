//===- KernelWindow.cpp - Some ops of a kernel as a kernel ----------------===//

#include "tools/quipu-compile/validate/KernelWindow.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace quipu::tool {

/// What the program around a launch calls an operand.
static StringAttr nameOfOperand(llama::LaunchOp launch, unsigned number) {
  auto argument = dyn_cast<BlockArgument>(launch.getOperand(number));
  auto program = launch->getParentOfType<func::FuncOp>();
  return argument ? program.getArgAttrOfType<StringAttr>(argument.getArgNumber(), llama::kValueNameAttrName)
                  : StringAttr();
}

std::optional<KernelWindow> makeWindow(llama::KernelOp kernel, llama::LaunchOp launch, size_t begin, size_t end) {
  SmallVector<Operation *> ops;
  for (auto [number, op] : llvm::enumerate(kernel.getBody().front().without_terminator()))
    if (number >= begin && number < end)
      ops.push_back(&op);
  llvm::SmallPtrSet<Operation *, 8> inside(ops.begin(), ops.end());
  llvm::SmallSetVector<Value, 8> arguments, results;
  for (Operation *op : ops) {
    for (Value operand : op->getOperands())
      if (!inside.contains(operand.getDefiningOp()))
        arguments.insert(operand);
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) { return !inside.contains(user); }))
        results.insert(result);
  }

  KernelWindow window;
  Location loc = kernel.getLoc();
  window.module = ModuleOp::create(loc);
  OpBuilder builder = OpBuilder::atBlockEnd(window.module->getBody());
  auto type = builder.getFunctionType(ValueRange(arguments.getArrayRef()).getTypes(),
                                      ValueRange(results.getArrayRef()).getTypes());
  auto part = llama::KernelOp::create(builder, loc, kernel.getSymName(), type);
  auto around = launch->getParentOfType<func::FuncOp>();
  auto program = func::FuncOp::create(builder, loc, around.getSymName(), type);
  program->setAttr(llama::kProgramAttrName, around->getAttr(llama::kProgramAttrName));
  for (auto [number, argument] : llvm::enumerate(arguments)) {
    auto whole = dyn_cast<BlockArgument>(argument);
    window.arguments.push_back(whole ? std::optional(whole.getArgNumber()) : std::nullopt);
    if (StringAttr name = whole ? nameOfOperand(launch, whole.getArgNumber()) : StringAttr())
      program.setArgAttr(unsigned(number), llama::kValueNameAttrName, name);
  }

  builder.setInsertionPointToStart(program.addEntryBlock());
  auto own = llama::LaunchOp::create(builder, loc, type.getResults(), kernel.getSymName(), program.getArguments(),
                                     DenseI64ArrayAttr(), DenseI64ArrayAttr());
  func::ReturnOp::create(builder, loc, own.getResults());
  IRMapping mapping;
  mapping.map(arguments.getArrayRef(), part.getBody().getArguments());
  builder.setInsertionPointToEnd(&part.getBody().front());
  for (Operation *op : ops)
    builder.clone(*op, mapping);
  llama::YieldOp::create(builder, loc,
                         llvm::map_to_vector(results, [&](Value value) { return mapping.lookup(value); }));
  ScopedDiagnosticHandler quiet(kernel->getContext(), [](Diagnostic &) { return success(); });
  if (failed(verify(*window.module)))
    return std::nullopt;
  return window;
}

} // namespace quipu::tool
