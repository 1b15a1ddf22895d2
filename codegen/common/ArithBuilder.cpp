//===- ArithBuilder.cpp - Arithmetic and loops for emitters -----------------===//

#include "codegen/common/ArithBuilder.h"

using namespace mlir;

namespace quipu::codegen {

Value ArithBuilder::roundTo(Type element, Value value) {
  if (element.isF32())
    return value;
  Type type = element;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(element);
  return arith::TruncFOp::create(*this, type, value);
}

Value ArithBuilder::widenToF32(Value value) {
  if (getElementTypeOrSelf(value.getType()).isF32())
    return value;
  Type type = getF32Type();
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(type);
  return arith::ExtFOp::create(*this, type, value);
}

Value ArithBuilder::at(Value pointer, Value byteOffset) {
  return LLVM::GEPOp::create(*this, pointer.getType(), getI8Type(), pointer, ArrayRef<LLVM::GEPArg>{byteOffset});
}

Value ArithBuilder::load(Type type, Value pointer, int64_t alignment) {
  return LLVM::LoadOp::create(*this, type, pointer, alignment);
}

void ArithBuilder::store(Value value, Value pointer, int64_t alignment) {
  LLVM::StoreOp::create(*this, value, pointer, alignment);
}

void ArithBuilder::loop(Value lower, Value upper, Value step, llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(*this, lower, upper, step);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void ArithBuilder::loop(Value lower, Value upper, int64_t step, llvm::function_ref<void(Value)> body) {
  loop(lower, upper, constant(lower, step), body);
}

ArithBuilder::Values ArithBuilder::loop(Value lower, Value upper, Value step, ArrayRef<Value> initial,
                                        llvm::function_ref<Values(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(*this, lower, upper, step, ValueRange(initial));
  {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(loop.getBody());
    Values next = body(loop.getInductionVar(), loop.getRegionIterArgs());
    // A loop that carries nothing comes with its terminator.
    if (!initial.empty())
      scf::YieldOp::create(*this, next);
  }
  return Values(loop.getResults());
}

ArithBuilder::Values ArithBuilder::loop(Value lower, Value upper, int64_t step, ArrayRef<Value> initial,
                                        llvm::function_ref<Values(Value, ValueRange)> body) {
  return loop(lower, upper, constant(lower, step), initial, body);
}

ArithBuilder::Values ArithBuilder::repeat(ArrayRef<Value> initial,
                                          llvm::function_ref<std::pair<Value, Values>(ValueRange)> body) {
  SmallVector<Type> types;
  for (Value value : initial)
    types.push_back(value.getType());
  auto loop = scf::WhileOp::create(*this, types, ValueRange(initial));
  SmallVector<Location> locations(types.size(), getLoc());
  OpBuilder::InsertionGuard guard(*this);
  Block *before = createBlock(&loop.getBefore(), {}, types, locations);
  auto [condition, next] = body(before->getArguments());
  scf::ConditionOp::create(*this, condition, next);
  Block *after = createBlock(&loop.getAfter(), {}, types, locations);
  scf::YieldOp::create(*this, after->getArguments());
  return Values(loop.getResults());
}

void ArithBuilder::ifThen(Value condition, llvm::function_ref<void()> then) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  then();
}

ArithBuilder::Values ArithBuilder::ifElse(Value condition, llvm::function_ref<Values()> then,
                                          llvm::function_ref<Values()> otherwise) {
  // The types of the results are known once a branch is built.
  Region thenRegion, elseRegion;
  SmallVector<Type> types;
  auto build = [&](Region &region, llvm::function_ref<Values()> body) {
    OpBuilder::InsertionGuard guard(*this);
    createBlock(&region);
    Values values = body();
    types.assign(ValueRange(values).getTypes().begin(), ValueRange(values).getTypes().end());
    scf::YieldOp::create(*this, values);
  };
  build(thenRegion, then);
  build(elseRegion, otherwise);
  auto branch = scf::IfOp::create(*this, types, condition, /*addThenBlock=*/false, /*addElseBlock=*/false);
  branch.getThenRegion().takeBody(thenRegion);
  branch.getElseRegion().takeBody(elseRegion);
  return Values(branch.getResults());
}

} // namespace quipu::codegen
