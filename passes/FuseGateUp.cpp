//===- FuseGateUp.cpp - llama-fuse-gate-up --------------------------------===//
//
//   gate(linear(x, G), linear(x, U)) = gate(linear(x, [G; U]))
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Decisions.h"
#include "ir/Llama/Llama.h"
#include "passes/FuseLinears.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"

#define DEBUG_TYPE "llama-fuse-gate-up"

namespace quipu::llama {
#define GEN_PASS_DEF_FUSEGATEUPPASS
#include "passes/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

namespace {

struct FuseGateUpPass : quipu::llama::impl::FuseGateUpPassBase<FuseGateUpPass> {
  void runOnOperation() override {
    LinearFuser fuser(getOperation());
    SmallVector<GateOp> gates;
    getOperation().walk([&](GateOp op) { gates.push_back(op); });
    for (GateOp op : gates) {
      auto gate = op.getGate().getDefiningOp<LinearOp>();
      auto up = op.getUp() ? op.getUp().getDefiningOp<LinearOp>() : LinearOp();
      if (!gate || !up) {
        QUIPU_DECISION(op) << describeOp(op) << " stays: "
                           << (op.getUp() ? "an operand is no result of a llama.linear" : "it has one operand already");
        continue;
      }
      std::string why = fuser.whyNot({gate, up});
      if (why.empty() && (!gate->hasOneUse() || !up->hasOneUse()))
        why = "a projection has another use";
      if (!why.empty()) {
        std::string remark = "gate and up projections stay apart: " + why;
        op.emitRemark() << remark;
        QUIPU_DECISION(op, gate, up) << describeOp(op) << ": " << remark;
        continue;
      }
      LinearOp fused = fuser.fuse({gate, up}, "gate_up");
      op.getGateMutable().assign(fused.getResult());
      op.getUpMutable().clear();
      QUIPU_DECISION(op, fused) << describeOp(op) << " reads one projection, " << describeOp(fused);
      ++numFused;
    }
    fuser.eraseUnused();
  }
};

} // namespace
