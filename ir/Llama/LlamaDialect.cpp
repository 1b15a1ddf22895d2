//===- LlamaDialect.cpp - The llama dialect -------------------------------===//

#include "ir/Llama/Llama.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "ir/Llama/LlamaDialect.cpp.inc"

namespace quipu::llama {

void LlamaDialect::initialize() {
  registerAttributes();
  registerTypes();
  addOperations<
#define GET_OP_LIST
#include "ir/Llama/LlamaOps.cpp.inc"
      >();
}

mlir::LogicalResult LlamaDialect::verifyOperationAttribute(mlir::Operation *op, mlir::NamedAttribute attribute) {
  if (attribute.getName() != kTargetAttrName)
    return mlir::success();
  if (!mlir::isa<mlir::ModuleOp>(op))
    return op->emitOpError() << "has the attribute " << kTargetAttrName << ", which belongs to a module";
  if (!mlir::isa<TargetAttrInterface>(attribute.getValue()))
    return op->emitOpError() << "has the target " << attribute.getValue()
                             << "; expected a #llama.cpu_target or #llama.cuda_target";
  return mlir::success();
}

} // namespace quipu::llama
