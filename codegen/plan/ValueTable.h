//===- ValueTable.h - Inputs and outputs of a program -----------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_PLAN_VALUETABLE_H
#define QUIPU_CODEGEN_PLAN_VALUETABLE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "runtime/abi/plan_generated.h"
#include "llvm/ADT/DenseMap.h"

#include <memory>
#include <optional>
#include <vector>

namespace quipu::codegen {

/// The named arguments and results of a program (llama.name), with their numbers in the plan.
class ValueTable {
public:
  using Values = std::vector<std::unique_ptr<plan::ProgramValueT>>;

  /// Fails with a diagnostic on the program where a name is none that the runtime knows, or an element type none of a
  /// plan's.
  static mlir::FailureOr<ValueTable> of(mlir::func::FuncOp program);

  /// Nothing for what has no name.
  std::optional<uint64_t> inputOf(mlir::BlockArgument argument) const;
  std::optional<uint64_t> outputOf(mlir::Value result) const;

  Values inputs, outputs;

private:
  llvm::DenseMap<mlir::Value, uint64_t> inputNumbers, outputNumbers;
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_VALUETABLE_H
