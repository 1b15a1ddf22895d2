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

  /// Fails with a diagnostic on the program where the runtime does not know a name, or a plan cannot have an element
  /// type.
  static mlir::FailureOr<ValueTable> of(mlir::func::FuncOp program);

  /// Its number in the plan; nothing where it has no name.
  std::optional<uint64_t> inputOf(mlir::BlockArgument argument) const;
  std::optional<uint64_t> outputOf(mlir::Value result) const;

  Values inputs, outputs;

private:
  llvm::DenseMap<mlir::Value, uint64_t> inputNumbers, outputNumbers;
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_VALUETABLE_H
