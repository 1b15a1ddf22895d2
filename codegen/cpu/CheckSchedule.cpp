//===- CheckSchedule.cpp - Whether a kernel can follow its schedule ------------===//

#include "codegen/cpu/CheckSchedule.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen {
namespace {

class ScheduleCheck {
public:
  ScheduleCheck(KernelOp kernel, const CpuTarget &target) : kernel(kernel), target(target) {}

  LogicalResult run() {
    auto linearSchedule = dyn_cast<CpuLinearScheduleAttr>(kernel.getScheduleAttr());
    auto attentionSchedule = dyn_cast<CpuAttentionScheduleAttr>(kernel.getScheduleAttr());
    WalkResult result = kernel.walk([&](Operation *op) {
      if (auto linear = dyn_cast<LinearOp>(op); linear && linearSchedule)
        return WalkResult(checkLinear(linear, linearSchedule));
      if (auto attention = dyn_cast<AttentionOp>(op); attention && attentionSchedule)
        return WalkResult(checkAttention(attention, attentionSchedule));
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

private:
  InFlightDiagnostic refuse() {
    InFlightDiagnostic diagnostic = kernel.emitOpError();
    diagnostic << "has schedule " << kernel.getScheduleAttr() << ", which ";
    return diagnostic;
  }

  LogicalResult checkLinear(LinearOp linear, CpuLinearScheduleAttr schedule) {
    bool many = schedule.getRows() == RowRegime::Many;
    int64_t lanes = many ? schedule.getLanes() : 0;
    for (Type type : kernel.getResultTypes())
      if (failed(checkLayout(type, lanes)))
        return failure();
    Type source = linear.getInput().getType();
    auto norm = linear.getInput().getDefiningOp<RMSNormOp>();
    if (norm) {
      source = norm.getInput().getType();
      if (many && (!kernel.getWorkspace() || kernel.getWorkspace()->size() != 1))
        return refuse() << "keeps the normalised input in a workspace; the kernel needs one";
      if (many)
        source = cast<TypeAttr>((*kernel.getWorkspace())[0]).getValue();
    }
    // The normalisation of few rows reads either.
    if ((many || !norm) && failed(checkLayout(source, lanes)))
      return failure();
    bool packed = llvm::any_of(kernel.getResultTypes(), isPacked);
    if (packed && schedule.getRun() % 2)
      return refuse() << "divides pairs of features, in which results lie: run must be even";
    return checkDot(schedule.getDot(),
                    {getElementTypeOrSelf(linear.getInput()), getElementTypeOrSelf(linear.getWeight())},
                    !many || isPacked(source));
  }

  LogicalResult checkAttention(AttentionOp attention, CpuAttentionScheduleAttr schedule) {
    bool many = schedule.getRows() == RowRegime::Many;
    int64_t lanes = many ? schedule.getLanes() : 0;
    KVLayerType cache = attention.getKv().getType();
    if (schedule.getKeys() != cache.getPage())
      return refuse() << "takes other tiles of keys than pages of " << cache.getPage();
    Type query = attention.getQuery().getType();
    if (failed(checkLayout(query, lanes)) || failed(checkLayout(attention.getResult().getType(), lanes)))
      return failure();
    return checkDot(schedule.getDot(), {getElementTypeOrSelf(attention.getQuery()), cache.getElementType()},
                    !many || isPacked(query));
  }

  /// `lanes`: of rows; 0 where an activation is row-major.
  LogicalResult checkLayout(Type type, int64_t lanes) {
    TokenLanesAttr layout = getTokenLanes(type);
    if (int64_t found = layout ? layout.getLanes() : 0; found != lanes)
      return refuse() << (lanes ? "wants activations in token_lanes of as many lanes" : "wants row-major activations")
                      << ", found " << type;
    return success();
  }

  LogicalResult checkDot(DotKind dot, ArrayRef<Type> operands, bool inPairs) {
    switch (dot) {
    case DotKind::Fma:
      return success();
    case DotKind::Bf16:
      if (!target.hasBf16Dot())
        return refuse() << "has dot products of bf16, which need avx512bf16 and avx512vl; the target is cpu:"
                        << target.requested;
      if (!llvm::all_of(operands, [](Type type) { return type.isBF16(); }) || !inPairs)
        return refuse() << "has dot products of bf16: both operands must be, for many rows in pairs of features";
      return success();
    }
    llvm_unreachable("all kinds of dot products are listed");
  }

  static bool isPacked(Type type) {
    TokenLanesAttr layout = getTokenLanes(type);
    return layout && layout.getPack() == 2;
  }

  KernelOp kernel;
  const CpuTarget &target;
};

} // namespace

LogicalResult checkSchedule(KernelOp kernel, const CpuTarget &target) { return ScheduleCheck(kernel, target).run(); }

} // namespace quipu::codegen
