//===- KernelUses.cpp - Who launches a kernel ---------------------------------===//

#include "codegen/common/KernelUses.h"

#include "ir/Llama/Llama.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

llvm::StringMap<KernelUse> findKernelUses(ModuleOp module) {
  llvm::StringMap<KernelUse> uses;
  for (auto program : module.getOps<func::FuncOp>()) {
    auto attribute = program->getAttrOfType<ProgramAttr>(kProgramAttrName);
    if (program.isExternal())
      continue;
    RowCounts rows(program);
    program.walk([&](LaunchOp launch) {
      KernelUse &use = uses[launch.getKernel()];
      if (use.program.empty())
        use.program = program.getSymName();
      use.maxRows = std::max(use.maxRows, attribute ? attribute.getMaxRows() : 1);
      if (launch.getNumResults() && rows.of(launch.getResult(0)) == RowCount::Outputs)
        use.rows = RowDim::Outputs;
    });
  }
  return uses;
}

} // namespace quipu::codegen
