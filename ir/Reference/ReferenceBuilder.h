//===- ReferenceBuilder.h - Building blocks of the reference ----*- C++ -*-===//
//
// What the formulas of the reference lowering are written in: arithmetic, elements of tensors as f32, sums, and tensors
// whose elements are computed from their indices.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_REFERENCE_REFERENCEBUILDER_H
#define QUIPU_IR_REFERENCE_REFERENCEBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace quipu::llama {

class ReferenceBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;
  using Indices = llvm::ArrayRef<Value>;

  // Constants.
  Value index(int64_t value);
  Value i32(int64_t value);
  Value f32(double value);

  // Arithmetic on floats or on integers, as the operands are.
  Value add(Value a, Value b);
  Value sub(Value a, Value b);
  Value mul(Value a, Value b);
  /// Of integers without a sign.
  Value div(Value a, Value b);
  Value rem(Value a, Value b);
  Value logicalAnd(Value a, Value b);
  Value exp(Value a);
  Value tanh(Value a);
  Value max(Value a, Value b);
  Value select(Value condition, Value a, Value b);
  Value compare(mlir::arith::CmpIPredicate predicate, Value a, Value b);
  Value compare(mlir::arith::CmpFPredicate predicate, Value a, Value b);

  /// A number as f32, and an f32 rounded to nearest even.
  Value widen(Value value);
  Value round(Value value, mlir::Type type);
  /// An integer as an index, and an index as an i32.
  Value toIndex(Value value);
  Value toI32(Value index);

  /// A size of a tensor or memref, as a constant where it is static.
  Value size(Value shaped, int64_t dimension);
  /// The sizes that a tensor of type `type` with the rows of `like` needs: one where the number of rows is dynamic.
  Values rowsOf(Value like, mlir::RankedTensorType type);
  mlir::RankedTensorType floats(llvm::ArrayRef<int64_t> shape);

  /// An element of a tensor: floats as f32, integers as they are.
  Value extract(Value tensor, Indices indices);
  /// An element of a memref of floats, as f32.
  Value load(Value memref, Indices indices);
  /// An i32 read from a tensor as an index within [0, size): what a padding row holds must not lead out of bounds.
  Value extractIndex(Value tensor, Value at, Value size);

  /// The values carried through a loop over [begin, end), beginning with `init`.
  mlir::ResultRange fold(Value begin, Value end, mlir::ValueRange init,
                         llvm::function_ref<Values(Value, mlir::ValueRange)> step);
  /// sum_{i in [begin, end)} term(i).
  Value sum(Value begin, Value end, llvm::function_ref<Value(Value)> term);
  void repeat(Value begin, Value end, llvm::function_ref<void(Value)> body);

  /// A tensor of the given type and dynamic sizes whose elements `element` computes from their indices. Floats are
  /// rounded from f32.
  Value generate(mlir::RankedTensorType type, mlir::ValueRange dynamicSizes,
                 llvm::function_ref<Value(Indices)> element);
};

} // namespace quipu::llama

#endif // QUIPU_IR_REFERENCE_REFERENCEBUILDER_H
