//===- LoneOp.cpp - Kernels of a single op ------------------------------------===//

#include "codegen/common/LoneOp.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

LogicalResult refuseAlone(KernelOp kernel, Operation *op, ArrayRef<StringRef> emitted) {
  InFlightDiagnostic diagnostic = kernel.emitOpError();
  diagnostic << "is " << op->getName() << " alone, for which there is no generated code; kernels of one op are of ";
  llvm::interleave(
      emitted, [&](StringRef name) { diagnostic << OperationName(name, op->getContext()).stripDialect(); },
      [&] { diagnostic << ", "; });
  // Attention alone has a schedule of its own.
  return diagnostic << " and " << OperationName(AttentionOp::getOperationName(), op->getContext()).stripDialect();
}

} // namespace quipu::codegen
