//===- ReferenceBuilder.cpp - Building blocks of the reference ------------===//

#include "ir/Reference/ReferenceBuilder.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace quipu::llama {

static bool isFloat(Value value) { return isa<FloatType>(value.getType()); }

template <typename FloatOp, typename IntOp> static Value createEither(ReferenceBuilder &b, Value left, Value right) {
  return isFloat(left) ? FloatOp::create(b, left, right).getResult() : IntOp::create(b, left, right).getResult();
}

Value ReferenceBuilder::index(int64_t value) { return arith::ConstantIndexOp::create(*this, value); }
Value ReferenceBuilder::i32(int64_t value) { return arith::ConstantIntOp::create(*this, value, 32); }
Value ReferenceBuilder::f32(double value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(static_cast<float>(value)));
}

Value ReferenceBuilder::add(Value a, Value b) { return createEither<arith::AddFOp, arith::AddIOp>(*this, a, b); }
Value ReferenceBuilder::sub(Value a, Value b) { return createEither<arith::SubFOp, arith::SubIOp>(*this, a, b); }
Value ReferenceBuilder::mul(Value a, Value b) { return createEither<arith::MulFOp, arith::MulIOp>(*this, a, b); }
Value ReferenceBuilder::div(Value a, Value b) { return createEither<arith::DivFOp, arith::DivUIOp>(*this, a, b); }
Value ReferenceBuilder::rem(Value a, Value b) { return arith::RemUIOp::create(*this, a, b); }
Value ReferenceBuilder::logicalAnd(Value a, Value b) { return arith::AndIOp::create(*this, a, b); }
Value ReferenceBuilder::exp(Value a) { return math::ExpOp::create(*this, a); }
Value ReferenceBuilder::tanh(Value a) { return math::TanhOp::create(*this, a); }
Value ReferenceBuilder::max(Value a, Value b) { return createEither<arith::MaximumFOp, arith::MaxSIOp>(*this, a, b); }
Value ReferenceBuilder::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(*this, condition, a, b);
}
Value ReferenceBuilder::compare(arith::CmpIPredicate predicate, Value a, Value b) {
  return arith::CmpIOp::create(*this, predicate, a, b);
}
Value ReferenceBuilder::compare(arith::CmpFPredicate predicate, Value a, Value b) {
  return arith::CmpFOp::create(*this, predicate, a, b);
}

Value ReferenceBuilder::widen(Value value) {
  return value.getType().isF32() ? value : arith::ExtFOp::create(*this, getF32Type(), value).getResult();
}
Value ReferenceBuilder::round(Value value, Type type) {
  return value.getType() == type ? value : arith::TruncFOp::create(*this, type, value).getResult();
}
Value ReferenceBuilder::toIndex(Value value) { return arith::IndexCastOp::create(*this, getIndexType(), value); }
Value ReferenceBuilder::toI32(Value index) { return arith::IndexCastOp::create(*this, getI32Type(), index); }

Value ReferenceBuilder::size(Value shaped, int64_t dimension) {
  auto type = cast<ShapedType>(shaped.getType());
  if (!type.isDynamicDim(dimension))
    return index(type.getDimSize(dimension));
  return isa<MemRefType>(type) ? memref::DimOp::create(*this, shaped, dimension).getResult()
                               : tensor::DimOp::create(*this, shaped, dimension).getResult();
}

ReferenceBuilder::Values ReferenceBuilder::rowsOf(Value like, RankedTensorType type) {
  Values sizes;
  if (type.isDynamicDim(0))
    sizes.push_back(size(like, 0));
  return sizes;
}

RankedTensorType ReferenceBuilder::floats(ArrayRef<int64_t> shape) {
  return RankedTensorType::get(shape, getF32Type());
}

Value ReferenceBuilder::extract(Value tensor, Indices indices) {
  Value element = tensor::ExtractOp::create(*this, tensor, indices);
  return isFloat(element) ? widen(element) : element;
}
Value ReferenceBuilder::load(Value memref, Indices indices) {
  return widen(memref::LoadOp::create(*this, memref, indices));
}
Value ReferenceBuilder::extractIndex(Value tensor, Value at, Value size) {
  Value value = max(toIndex(extract(tensor, at)), index(0));
  return arith::MinSIOp::create(*this, value, sub(size, index(1)));
}

ResultRange ReferenceBuilder::fold(Value begin, Value end, ValueRange init,
                                   function_ref<Values(Value, ValueRange)> step) {
  auto loop =
      scf::ForOp::create(*this, begin, end, index(1), init, [&](OpBuilder &, Location, Value i, ValueRange carried) {
        InsertionGuard guard(*this);
        setInsertionPointToEnd(i.getParentBlock());
        scf::YieldOp::create(*this, step(i, carried));
      });
  return loop.getResults();
}
Value ReferenceBuilder::sum(Value begin, Value end, function_ref<Value(Value)> term) {
  return fold(begin, end, f32(0), [&](Value i, ValueRange carried) -> Values { return {add(carried[0], term(i))}; })[0];
}
void ReferenceBuilder::repeat(Value begin, Value end, function_ref<void(Value)> body) {
  fold(begin, end, {}, [&](Value i, ValueRange) -> Values {
    body(i);
    return {};
  });
}

Value ReferenceBuilder::generate(RankedTensorType type, ValueRange dynamicSizes, function_ref<Value(Indices)> element) {
  Value init = tensor::EmptyOp::create(*this, type, dynamicSizes);
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(*this, type, ValueRange(), init, getMultiDimIdentityMap(type.getRank()),
                                           iterators, [&](OpBuilder &inner, Location, ValueRange) {
                                             InsertionGuard guard(*this);
                                             restoreInsertionPoint(inner.saveInsertionPoint());
                                             Values indices;
                                             for (int64_t dimension = 0; dimension < type.getRank(); ++dimension)
                                               indices.push_back(linalg::IndexOp::create(*this, dimension));
                                             Value value = element(indices);
                                             linalg::YieldOp::create(
                                                 *this, isFloat(value) ? round(value, type.getElementType()) : value);
                                           });
  return generic.getResult(0);
}

} // namespace quipu::llama
