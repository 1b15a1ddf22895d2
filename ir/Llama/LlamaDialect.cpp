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

} // namespace quipu::llama
