//===- Trace.cpp - The values of a program's ops --------------------------===//

#include "ir/Reference/Trace.h"

#include "ir/Llama/Llama.h"
#include "ir/Llama/Place.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;

namespace quipu::llama {

static std::string fullPlaceOf(Location loc) {
  auto call = dyn_cast<CallSiteLoc>(loc);
  if (!call)
    return getPlace(loc).str();
  StringRef around = getParent(getPlace(call.getCaller())), word = getPlace(call.getCallee());
  return around.empty() ? word.str() : (around + "." + word).str();
}

static bool hasPairedWeight(LinearOp linear) {
  return isa_and_nonnull<PairedRowsAttr>(cast<RankedTensorType>(linear.getWeight().getType()).getEncoding());
}

/// Whether the features of a value lie as the op says. Those of a product with paired rows get their order from the op
/// behind it, which must stay its only reader.
static bool isInOrder(Operation *op) {
  if (auto linear = dyn_cast<LinearOp>(op))
    return !hasPairedWeight(linear);
  if (auto split = dyn_cast<SplitOp>(op))
    if (auto linear = split.getInput().getDefiningOp<LinearOp>())
      return !hasPairedWeight(linear);
  return true;
}

std::vector<TracedValue> traceValues(func::FuncOp program) {
  std::vector<TracedValue> trace;
  llvm::DenseMap<Value, size_t> numbers;
  SmallVector<Value> appended;
  for (Operation &op : program.getBody().front().without_terminator()) {
    if (!isa<LlamaDialect>(op.getDialect()) || isa<KVLayerOp>(op))
      continue;
    TracedValue value;
    value.op = op.getName().getStringRef().str();
    value.place = fullPlaceOf(op.getLoc());
    for (Value operand : op.getOperands())
      if (auto number = numbers.find(operand); number != numbers.end())
        value.operands.push_back(number->second);
    if (auto append = dyn_cast<KVAppendOp>(op)) {
      if (auto layer = append.getKv().getDefiningOp<KVLayerOp>())
        value.cacheLayer = layer.getLayer();
      trace.push_back(value);
      continue;
    }
    for (OpResult result : op.getResults()) {
      value.result = result.getResultNumber();
      value.element = {};
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (type && isa<FloatType>(type.getElementType()) && isInOrder(&op)) {
        value.element = type.getElementType();
        value.rank = type.getRank();
        value.columns = type.getRank() == 2 ? type.getDimSize(1) : 1;
        appended.push_back(result);
      }
      numbers[result] = trace.size();
      trace.push_back(value);
    }
  }
  Operation *end = program.getBody().front().getTerminator();
  end->insertOperands(end->getNumOperands(), appended);
  SmallVector<Type> types(end->getOperandTypes());
  program.setType(FunctionType::get(program.getContext(), program.getFunctionType().getInputs(), types));
  return trace;
}

} // namespace quipu::llama
