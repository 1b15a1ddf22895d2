//===- LinearRegion.cpp - What a linear kernel computes ----------------------===//

#include "codegen/common/LinearRegion.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {

FailureOr<LinearRegion> LinearRegion::match(KernelOp kernel) {
  LinearRegion region;
  region.kernel = kernel;
  auto refuse = [&](Operation *op) {
    return kernel.emitOpError()
           << "holds " << op->getName() << " where the linear kernel family has no place for it; "
           << "its forms are [gather_rows] [rms_norm] linear [add | gate | split rotate kv_append]";
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
  int forms = (region.residual ? 1 : 0) + (region.gate ? 1 : 0) + (region.split ? 1 : 0);
  if (!region.linear || forms > 1 || (region.gather && !region.norm))
    return kernel.emitOpError() << "is not a linear kernel: it needs one linear and at most one of add, gate and split";
  if (region.residual && region.residual.getLhs() != region.linear.getResult() &&
      region.residual.getRhs() != region.linear.getResult())
    return refuse(region.residual);
  if (region.split) {
    if (region.split.getParts().size() != 3 || !region.append || rotates.size() != 2)
      return refuse(region.split);
    for (RotateOp rotate : rotates) {
      if (rotate.getInput() == region.split.getParts()[0])
        region.rotateQuery = rotate;
      else if (rotate.getInput() == region.split.getParts()[1])
        region.rotateKeys = rotate;
    }
    if (!region.rotateQuery || !region.rotateKeys || region.append.getKeys() != region.rotateKeys.getResult() ||
        region.append.getValues() != region.split.getParts()[2])
      return refuse(region.append);
  }
  return region;
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
