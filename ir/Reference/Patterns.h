//===- Patterns.h - The patterns of llama-to-linalg -------------*- C++ -*-===//
//
// A pattern for each op of the dialect, in a file for each family of ops. A family adds its patterns by name of the op:
//
//   addPattern<AddOp>(patterns, types, [](AddOp op, AddOp::Adaptor in, ReferenceBuilder &b) -> Values { ... });
//
// `in` are the operands as they have been lowered; the values that are returned replace the results of the op.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_REFERENCE_PATTERNS_H
#define QUIPU_IR_REFERENCE_PATTERNS_H

#include "ir/Llama/Llama.h"
#include "ir/Reference/ReferenceBuilder.h"

#include "mlir/Transforms/DialectConversion.h"

namespace quipu::llama {

using Values = ReferenceBuilder::Values;

template <typename Op> using LowerOp = Values (*)(Op op, typename Op::Adaptor in, ReferenceBuilder &b);

/// Replaces an op by what a function computes from its lowered operands. Its debug name is the op's name.
template <typename Op> class ReferencePattern : public mlir::OpConversionPattern<Op> {
public:
  ReferencePattern(const mlir::TypeConverter &types, mlir::MLIRContext *context, LowerOp<Op> lower)
      : mlir::OpConversionPattern<Op>(types, context), lower(lower) {
    this->setDebugName(Op::getOperationName());
  }

  mlir::LogicalResult matchAndRewrite(Op op, typename Op::Adaptor in,
                                      mlir::ConversionPatternRewriter &rewriter) const override {
    ReferenceBuilder builder(op.getLoc(), rewriter);
    rewriter.replaceOp(op, lower(op, in, builder));
    return mlir::success();
  }

private:
  LowerOp<Op> lower;
};

template <typename Op>
void addPattern(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types, LowerOp<Op> lower) {
  patterns.add<ReferencePattern<Op>>(types, patterns.getContext(), lower);
}

/// What a type of the dialect becomes: tensors lose their layouts, rows in blocks become rows of bytes, caches become
/// memrefs.
mlir::Type lowerType(mlir::Type type);
/// The type of a tensor as it is lowered.
inline mlir::RankedTensorType loweredTensor(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(lowerType(value.getType()));
}
/// Features of a row.
inline int64_t widthOf(mlir::Value activation) {
  return mlir::cast<mlir::RankedTensorType>(activation.getType()).getDimSize(1);
}

// Families.
void addRowPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void addPointwisePatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void addLinearPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void addRotaryPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void addCachePatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
void addAttentionPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);

// Formulas that ops of several families are made of. `type`: type of the result.

/// weight[k] * input[t, k] / sqrt(mean_k(input[t, k]^2) + eps).
mlir::Value normalise(ReferenceBuilder &b, mlir::Value input, mlir::Value weight, double eps,
                      mlir::RankedTensorType type);
/// The numbers of a weight of type `type`, which is `stored` as it was lowered: rows in blocks are decoded to f32.
mlir::Value decodeWeight(ReferenceBuilder &b, mlir::Value stored, mlir::Type type);
/// act(gate[t, n]) * up[t, n + shift].
mlir::Value gate(ReferenceBuilder &b, Activation activation, mlir::Value gate, mlir::Value up, int64_t shift,
                 mlir::RankedTensorType type);
/// source[indices[t], k], with `indices` limited to the rows that there are.
mlir::Value selectRows(ReferenceBuilder &b, mlir::Value source, mlir::Value indices, mlir::RankedTensorType type);

} // namespace quipu::llama

#endif // QUIPU_IR_REFERENCE_PATTERNS_H
