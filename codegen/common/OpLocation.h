//===- OpLocation.h - Which op code is emitted for --------------*- C++ -*-===//
//
// Generated ops have the locations of the ops that they are made of, so that debug information leads from an
// instruction to its op.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_COMMON_OPLOCATION_H
#define QUIPU_CODEGEN_COMMON_OPLOCATION_H

#include "ir/Llama/Llama.h"

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace quipu::codegen {

/// While it lives, what a builder makes is for an op.
class OpLocation {
public:
  OpLocation(mlir::ImplicitLocOpBuilder &builder, mlir::Operation *op) : builder(builder), before(builder.getLoc()) {
    enter(op);
  }
  ~OpLocation() { builder.setLoc(before); }
  OpLocation(const OpLocation &) = delete;
  OpLocation &operator=(const OpLocation &) = delete;

  /// From here on it is for this op. Null: for the same as before.
  void enter(mlir::Operation *op) {
    if (op)
      builder.setLoc(op->getLoc());
  }

private:
  mlir::ImplicitLocOpBuilder &builder;
  mlir::Location before;
};

/// The op that most of a kernel's code is for: the product, or else the first op.
inline mlir::Operation *mainOpOf(llama::KernelOp kernel) {
  mlir::Block &body = kernel.getBody().front();
  auto products = body.getOps<llama::LinearOp>();
  return products.empty() ? &body.front() : (*products.begin()).getOperation();
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_OPLOCATION_H
