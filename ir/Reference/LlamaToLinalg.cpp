//===- LlamaToLinalg.cpp - llama-to-linalg --------------------------------===//
//
// Each op as its description in LlamaOps.td says, element by element: linalg.generic over the elements of the result,
// with a loop inside where an element is a sum. Nothing here is meant to be fast. The formulas are in the files of the
// families (Patterns.h).
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/WeightTypes.h"
#include "ir/Reference/PairedRows.h"
#include "ir/Reference/Patterns.h"
#include "ir/Reference/Programs.h"
#include "ir/Reference/Reference.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Func/Transforms/FuncConversions.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"

namespace quipu::llama {
#define GEN_PASS_DEF_CONVERTLLAMATOLINALGPASS
#include "ir/Reference/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

Type quipu::llama::lowerType(Type type) {
  constexpr int64_t dynamic = ShapedType::kDynamic;
  if (auto tensor = dyn_cast<RankedTensorType>(type)) {
    if (!isa<BlockType>(tensor.getElementType()))
      return RankedTensorType::get(tensor.getShape(), tensor.getElementType());
    int64_t rows = tensor.getDimSize(0);
    return RankedTensorType::get({rows, weightBytesOf(tensor) / rows}, IntegerType::get(type.getContext(), 8));
  }
  if (auto cache = dyn_cast<KVCacheType>(type))
    return MemRefType::get({cache.getLayers(), 2, dynamic, dynamic, cache.getKvHeads(), cache.getHeadDim()},
                           cache.getElementType());
  if (auto layer = dyn_cast<KVLayerType>(type)) {
    // A layer begins anywhere in the cache; apart from that it is contiguous.
    int64_t row = layer.getKvHeads() * layer.getHeadDim();
    auto strides = StridedLayoutAttr::get(type.getContext(), dynamic, {dynamic, dynamic, row, layer.getHeadDim(), 1});
    return MemRefType::get({2, dynamic, dynamic, layer.getKvHeads(), layer.getHeadDim()}, layer.getElementType(),
                           strides);
  }
  return type;
}

namespace {

/// Ops of other dialects keep their meaning where the types of their operands and results change.
class RetypeOp : public ConversionPattern {
public:
  RetypeOp(const TypeConverter &types, MLIRContext *context)
      : ConversionPattern(types, MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op, ArrayRef<Value> operands,
                                ConversionPatternRewriter &rewriter) const override {
    if (isa<LlamaDialect>(op->getDialect()) || op->getNumRegions() || op->getNumSuccessors())
      return failure();
    FailureOr<Operation *> retyped = convertOpResultTypes(op, operands, *getTypeConverter(), rewriter);
    if (failed(retyped))
      return failure();
    rewriter.replaceOp(op, *retyped);
    return success();
  }
};

/// A cast between a type of the dialect and what it becomes.
class DropCast : public OpConversionPattern<UnrealizedConversionCastOp> {
public:
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(UnrealizedConversionCastOp op, OpAdaptor in,
                                ConversionPatternRewriter &rewriter) const override {
    SmallVector<Type> types;
    if (failed(getTypeConverter()->convertTypes(op.getResultTypes(), types)) ||
        in.getOperands().getTypes() != TypeRange(types))
      return failure();
    rewriter.replaceOp(op, in.getOperands());
    return success();
  }
};

struct ConvertLlamaToLinalgPass : quipu::llama::impl::ConvertLlamaToLinalgPassBase<ConvertLlamaToLinalgPass> {
  using ConvertLlamaToLinalgPassBase::ConvertLlamaToLinalgPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    makePlainFunctions(module);
    if (failed(orderPairedFeatures(module)))
      return signalPassFailure();

    TypeConverter types;
    types.addConversion(lowerType);
    ConversionTarget target(getContext());
    target.addIllegalDialect<LlamaDialect>();
    target.addDynamicallyLegalOp<func::FuncOp>([&](func::FuncOp func) {
      return types.isSignatureLegal(func.getFunctionType()) && types.isLegal(&func.getBody());
    });
    target.markUnknownOpDynamicallyLegal([&](Operation *op) { return types.isLegal(op); });
    FrozenRewritePatternSet patterns(patternsFor(types), disabledPatterns);
    // Says itself which op it has no case for.
    if (failed(applyPartialConversion(module, target, patterns)))
      signalPassFailure();
  }

private:
  RewritePatternSet patternsFor(const TypeConverter &types) {
    RewritePatternSet patterns(&getContext());
    addRowPatterns(patterns, types);
    addPointwisePatterns(patterns, types);
    addLinearPatterns(patterns, types);
    addRotaryPatterns(patterns, types);
    addCachePatterns(patterns, types);
    addAttentionPatterns(patterns, types);
    populateFunctionOpInterfaceTypeConversionPattern<func::FuncOp>(patterns, types);
    populateCallOpTypeConversionPattern(patterns, types);
    populateReturnOpTypeConversionPattern(patterns, types);
    patterns.add<RetypeOp, DropCast>(types, &getContext());
    return patterns;
  }
};

} // namespace
