//===- Handover.cpp - Where a kernel meets those around it --------------------===//

#include "codegen/cuda/vocabulary/Handover.h"

#include "codegen/cuda/vocabulary/PtxStrings.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;

namespace quipu::codegen::cuda {

void DependentLaunch::waitForPrevious(CudaBuilder &b) const {
  if (b.target.has(CudaFeature::DependentLaunch))
    ptx::waitForPreviousGrid(b);
}

void DependentLaunch::letNextStart(CudaBuilder &b) const {
  if (b.target.has(CudaFeature::DependentLaunch))
    NVVM::GriddepcontrolOp::create(b, NVVM::GridDepActionKind::launch_dependents);
}

} // namespace quipu::codegen::cuda
