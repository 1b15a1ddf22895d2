//===- CudaFrame.cpp - What the body of a kernel works with ------------------===//

#include "codegen/cuda/vocabulary/CudaFrame.h"

#include "runtime/abi/KernelAbi.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

CudaFrame::CudaFrame(CudaBuilder &builder, const Handover &handover, KernelOp kernel, const Parameters &parameters,
                     std::optional<GridPlace> place)
    : BodyFrame(builder, handover, place), tokens(parameters.dims[kDimTokens]), outputs(parameters.dims[kDimOutputs]),
      blockTableStride(parameters.dims[kDimBlockTableStride]), loneRows(parameters.dims[kDimLoneRows]), kernel(kernel),
      pointers(parameters.pointers), maps(parameters.maps) {}

static unsigned countPointersOf(KernelOp kernel, unsigned arguments) {
  unsigned count = 0;
  for (Type type : kernel.getArgumentTypes().take_front(arguments))
    count += pointersOf(type);
  return count;
}

unsigned CudaFrame::pointerOfArgument(KernelOp kernel, Value blockArgument, unsigned part) {
  return countPointersOf(kernel, cast<BlockArgument>(blockArgument).getArgNumber()) + part;
}

unsigned CudaFrame::pointerOfResult(KernelOp kernel, unsigned index) {
  return countPointersOf(kernel, kernel.getArgumentTypes().size()) + index;
}

unsigned CudaFrame::pointerOfWorkspace(KernelOp kernel, unsigned index) {
  return pointerOfResult(kernel, kernel.getResultTypes().size()) + index;
}

unsigned CudaFrame::countPointers(KernelOp kernel) {
  return pointerOfWorkspace(kernel, kernel.getWorkspace() ? kernel.getWorkspace()->size() : 0);
}

Value CudaFrame::argument(Value blockArgument, unsigned part) const {
  return pointers[pointerOfArgument(kernel, blockArgument, part)];
}
Value CudaFrame::result(unsigned index) const { return pointers[pointerOfResult(kernel, index)]; }
Value CudaFrame::workspace(unsigned index) const { return pointers[pointerOfWorkspace(kernel, index)]; }

} // namespace quipu::codegen::cuda
