//===- Linear.cpp - Reference of products with weights --------------------===//

#include "ir/Reference/Patterns.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace quipu::llama {

/// sum_k input[t, k] * weight[n, k], as f32.
static Value multiply(ReferenceBuilder &b, Value input, Value weight, ArrayRef<int64_t> shape) {
  RankedTensorType type = b.floats(shape);
  Value init = tensor::EmptyOp::create(b, type, b.rowsOf(input, type));
  Value zero = linalg::FillOp::create(b, b.f32(0), init).getResult(0);
  AffineExpr t, n, k;
  bindDims(b.getContext(), t, n, k);
  SmallVector<AffineMap> maps = {AffineMap::get(3, 0, {t, k}, b.getContext()),
                                 AffineMap::get(3, 0, {n, k}, b.getContext()),
                                 AffineMap::get(3, 0, {t, n}, b.getContext())};
  SmallVector<utils::IteratorType> iterators = {utils::IteratorType::parallel, utils::IteratorType::parallel,
                                                utils::IteratorType::reduction};
  auto product = linalg::GenericOp::create(b, type, ValueRange{input, weight}, zero, maps, iterators,
                                           [&](OpBuilder &inner, Location, ValueRange arguments) {
                                             OpBuilder::InsertionGuard guard(b);
                                             b.restoreInsertionPoint(inner.saveInsertionPoint());
                                             Value term = b.mul(b.widen(arguments[0]), b.widen(arguments[1]));
                                             linalg::YieldOp::create(b, b.add(arguments[2], term));
                                           });
  return product.getResult(0);
}

/// The product with a weight and the addition of a bias, which may be null.
static Value linear(ReferenceBuilder &b, Value input, Value weight, Value bias, RankedTensorType type) {
  Value sums = multiply(b, input, weight, type.getShape());
  if (!bias && type == sums.getType())
    return sums;
  return b.generate(type, b.rowsOf(input, type), [&](ReferenceBuilder::Indices at) {
    Value value = b.extract(sums, at);
    return bias ? b.add(value, b.extract(bias, at[1])) : value;
  });
}

static Values lowerLinear(LinearOp op, LinearOp::Adaptor in, ReferenceBuilder &b) {
  Value weight = decodeWeight(b, in.getWeight(), op.getWeight().getType());
  return {linear(b, in.getInput(), weight, in.getBias(), loweredTensor(op.getResult()))};
}

static Values lowerGatedMLP(GatedMLPOp op, GatedMLPOp::Adaptor in, ReferenceBuilder &b) {
  RankedTensorType type = loweredTensor(op.getResult()), input = loweredTensor(op.getInput());
  int64_t inner = loweredTensor(op.getGate()).getDimSize(0);
  RankedTensorType wide = b.floats({type.getDimSize(0), inner});
  auto decode = [&](Value stored, Value weight) { return decodeWeight(b, stored, weight.getType()); };
  Value gates = linear(b, in.getInput(), decode(in.getGate(), op.getGate()), in.getGateBias(), wide);
  Value ups = linear(b, in.getInput(), decode(in.getUp(), op.getUp()), in.getUpBias(), wide);
  auto productType = RankedTensorType::get(wide.getShape(), input.getElementType());
  Value product = gate(b, op.getActivation(), gates, ups, /*shift=*/0, productType);
  return {linear(b, product, decode(in.getDown(), op.getDown()), in.getDownBias(), type)};
}

static Values lowerLMHead(LMHeadOp op, LMHeadOp::Adaptor in, ReferenceBuilder &b) {
  RankedTensorType type = loweredTensor(op.getResult()), input = loweredTensor(op.getInput());
  auto selectedType = RankedTensorType::get({type.getDimSize(0), input.getDimSize(1)}, input.getElementType());
  Value selected = selectRows(b, in.getInput(), in.getRows(), selectedType);
  auto normalisedType = RankedTensorType::get(selectedType.getShape(), op.getComputeType());
  Value normalised = normalise(b, selected, in.getNorm(), op.getEps().convertToDouble(), normalisedType);
  return {linear(b, normalised, decodeWeight(b, in.getWeight(), op.getWeight().getType()), Value(), type)};
}

void addLinearPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  addPattern<LinearOp>(patterns, types, lowerLinear);
  addPattern<GatedMLPOp>(patterns, types, lowerGatedMLP);
  addPattern<LMHeadOp>(patterns, types, lowerLMHead);
}

} // namespace quipu::llama
