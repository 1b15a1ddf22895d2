//===- KernelUses.cpp - Who launches a kernel ---------------------------------===//

#include "codegen/common/KernelUses.h"

#include "ir/Llama/Llama.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

/// The code of a kernel counts one kind of rows of each argument. All launches must give it rows of this kind.
static LogicalResult checkRows(LaunchOp launch, KernelOp kernel, const RowCounts &rows) {
  for (auto [argument, operand] : llvm::zip_equal(kernel.getBody().getArguments(), launch.getOperands()))
    if (isActivation(operand.getType()) && rows.of(operand) != rows.of(argument))
      return launch.emitOpError() << "gives @" << launch.getKernel()
                                  << " rows of tokens where another launch gives selected output rows; a kernel counts "
                                     "one kind of rows: let each launch have a kernel of its own";
  return success();
}

FailureOr<llvm::StringMap<KernelUse>> findKernelUses(ModuleOp module) {
  llvm::StringMap<KernelUse> uses;
  SymbolTable symbols(module);
  for (auto program : module.getOps<func::FuncOp>()) {
    auto attribute = program->getAttrOfType<ProgramAttr>(kProgramAttrName);
    if (program.isExternal())
      continue;
    RowCounts rows(program);
    WalkResult walked = program.walk([&](LaunchOp launch) {
      KernelUse &use = uses[launch.getKernel()];
      if (use.program.empty())
        use.program = program.getSymName();
      use.maxRows = std::max(use.maxRows, attribute ? attribute.getMaxRows() : 1);
      if (launch.getNumResults() && rows.of(launch.getResult(0)) == RowCount::Outputs)
        use.rows = RowDim::Outputs;
      return WalkResult(checkRows(launch, symbols.lookup<KernelOp>(launch.getKernel()), rows));
    });
    if (walked.wasInterrupted())
      return failure();
  }
  return uses;
}

} // namespace quipu::codegen
