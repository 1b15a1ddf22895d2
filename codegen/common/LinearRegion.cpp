//===- LinearRegion.cpp - What a linear kernel computes ----------------------===//

#include "codegen/common/LinearRegion.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

/// The forms of the family, for diagnostics.
static constexpr llvm::StringLiteral kForms = "its forms are [gather_rows] [rms_norm] linear [add | gate | "
                                              "split rotate rotate kv_append]";

/// Whether `value` comes from outside of the kernel.
static bool isArgument(Value value) { return isa_and_nonnull<BlockArgument>(value); }

static bool areArguments(ArrayRef<Value> values) { return llvm::all_of(values, isArgument); }

FailureOr<LinearRegion> LinearRegion::match(KernelOp kernel) {
  LinearRegion region;
  region.kernel = kernel;
  auto refuse = [&](Operation *op) {
    return kernel.emitOpError() << "holds " << op->getName() << " where the linear kernel family has no place for it; "
                                << kForms;
  };
  SmallVector<RotateOp> rotates;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    if (auto gather = dyn_cast<GatherRowsOp>(op); gather && !region.linear && !region.gather)
      region.gather = gather;
    else if (auto norm = dyn_cast<RMSNormOp>(op); norm && !region.linear && !region.norm)
      region.norm = norm;
    else if (auto linear = dyn_cast<LinearOp>(op); linear && !region.linear)
      region.linear = linear;
    else if (auto add = dyn_cast<AddOp>(op); add && region.linear && !region.residual)
      region.residual = add;
    else if (auto gate = dyn_cast<GateOp>(op); gate && region.linear && !region.gate && !gate.getUp())
      region.gate = gate;
    else if (auto split = dyn_cast<SplitOp>(op); split && region.linear && !region.split)
      region.split = split;
    else if (auto rotate = dyn_cast<RotateOp>(op); rotate && region.split)
      rotates.push_back(rotate);
    else if (auto append = dyn_cast<KVAppendOp>(op); append && region.split && !region.append)
      region.append = append;
    else
      return refuse(&op);
  }
  region.rows = region.gather ? RowDim::Outputs : RowDim::Tokens;
  int forms = (region.residual ? 1 : 0) + (region.gate ? 1 : 0) + (region.split ? 1 : 0);
  if (region.gather && !region.norm)
    return kernel.emitOpError()
           << "selects rows that no norm reads; a linear kernel selects the rows that it normalises";
  if (!region.linear || forms > 1)
    return kernel.emitOpError() << "is not a linear kernel: it needs one linear and at most one of add, gate and split";
  if (region.split) {
    if (region.split.getParts().size() != 3 || !region.append || rotates.size() != 2)
      return refuse(region.split);
    for (RotateOp rotate : rotates) {
      if (rotate.getInput() == region.split.getParts()[0])
        region.rotateQuery = rotate;
      else if (rotate.getInput() == region.split.getParts()[1])
        region.rotateKeys = rotate;
    }
    if (!region.rotateQuery || !region.rotateKeys)
      return refuse(region.append);
  }
  if (Operation *astray = region.findStray())
    return kernel.emitOpError() << "holds " << astray->getName()
                                << ", which reads or yields something else than the linear kernel family computes; "
                                << kForms << ", each of which reads the one before and arguments, and the last one's "
                                << "result is the kernel's";
  if (failed(region.checkRotates()))
    return failure();
  return region;
}

Operation *LinearRegion::findStray() {
  if (gather && !areArguments({gather.getInput(), gather.getRows()}))
    return gather;
  if (norm && (!isArgument(norm.getWeight()) ||
               (gather ? norm.getInput() != gather.getResult() : !isArgument(norm.getInput()))))
    return norm;
  if (!isArgument(linear.getWeight()) || (linear.getBias() && !isArgument(linear.getBias())) ||
      (norm ? linear.getInput() != norm.getResult() : !isArgument(linear.getInput())))
    return linear;
  Value result = linear.getResult();
  if (residual) {
    bool reads = residual.getLhs() == result || residual.getRhs() == result;
    if (!reads || !isArgument(residualOperand()))
      return residual;
    result = residual.getResult();
  } else if (gate) {
    if (gate.getGate() != result)
      return gate;
    result = gate.getResult();
  } else if (split) {
    if (split.getInput() != result)
      return split;
    for (RotateOp rotate : {rotateQuery, rotateKeys})
      if (!isArgument(rotate.getTable()))
        return rotate;
    if (append.getKeys() != rotateKeys.getResult() || append.getValues() != split.getParts()[2] ||
        !areArguments({append.getKv(), append.getPositions(), append.getSequences()}))
      return append;
    result = rotateQuery.getResult();
  }
  Operation *yield = kernel.getBody().front().getTerminator();
  return yield->getNumOperands() == 1 && yield->getOperand(0) == result ? nullptr : yield;
}

LogicalResult LinearRegion::checkRotates() {
  if (!split)
    return success();
  auto refuse = [&] { return kernel.emitOpError() << "turns queries and keys "; };
  StringRef advice = "; a kernel does both alike: leave them apart, as llama-form-kernels does";
  // One table has one width, which is that of a head.
  int64_t head = rotateQuery.getHeadDim(), cacheHead = append.getKv().getType().getHeadDim();
  if (rotateQuery.getTable() != rotateKeys.getTable())
    return refuse() << "by different tables" << advice;
  if (rotateQuery.getLayout() != rotateKeys.getLayout())
    return refuse() << "in different layouts, " << stringifyRotaryLayout(rotateQuery.getLayout()) << " and "
                    << stringifyRotaryLayout(rotateKeys.getLayout()) << advice;
  if (head != cacheHead)
    return refuse() << "in heads of " << head << " elements, with " << cacheHead << " in the cache" << advice;
  auto table = cast<RankedTensorType>(rotateQuery.getTable().getType());
  if (!table.getElementType().isF32())
    return refuse() << "by a table of type " << table << "; generated code reads tables of f32";
  return success();
}

Value LinearRegion::source() {
  if (gather)
    return gather.getInput();
  return norm ? norm.getInput() : linear.getInput();
}

Value LinearRegion::residualOperand() {
  Value lhs = residual.getLhs();
  return lhs == linear.getResult() ? residual.getRhs() : lhs;
}

int64_t LinearRegion::headDim() { return rotateQuery.getHeadDim(); }

Type LinearRegion::workspaceType() { return cast<TypeAttr>((*kernel.getWorkspace())[0]).getValue(); }

} // namespace quipu::codegen
