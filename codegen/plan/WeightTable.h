//===- WeightTable.h - The weights of a plan --------------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_PLAN_WEIGHTTABLE_H
#define QUIPU_CODEGEN_PLAN_WEIGHTTABLE_H

#include "frontends/common/Model.h"
#include "ir/Llama/Llama.h"
#include "runtime/abi/PlanFormat.h"
#include "llvm/ADT/StringMap.h"

namespace quipu::codegen {

/// The weights that steps name by their index. A weight is created at its first use, so that the weights of successive
/// layers are equally far apart.
class WeightTable {
public:
  explicit WeightTable(const frontend::Model &model) : model(model) {}

  /// The index of the plan's weight that is made of some sources of `weight`, and has the shape `shape`. Fails with a
  /// diagnostic where the model's weights do not have these sources.
  mlir::FailureOr<uint64_t> indexOf(llama::WeightOp weight, llvm::ArrayRef<unsigned> sourceIndices,
                                    llvm::ArrayRef<int64_t> shape);

  std::vector<std::unique_ptr<plan::WeightT>> weights;

private:
  mlir::FailureOr<std::unique_ptr<plan::WeightT>> create(llama::WeightOp weight, llvm::ArrayRef<unsigned> sourceIndices,
                                                         llvm::ArrayRef<int64_t> shape);
  mlir::LogicalResult addSources(llama::WeightOp weight, llvm::ArrayRef<unsigned> sourceIndices, plan::WeightT &to);
  mlir::FailureOr<std::unique_ptr<plan::SourceT>> createSource(llama::WeightOp weight, unsigned index,
                                                               const WeightFormat &memory);
  mlir::LogicalResult findTensor(llama::WeightOp weight, llvm::ArrayRef<int64_t> shape, plan::SourceT &source);

  const frontend::Model &model;
  llvm::StringMap<uint64_t> indices;
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_WEIGHTTABLE_H
