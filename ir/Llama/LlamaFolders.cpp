//===- LlamaFolders.cpp - Identities of the ops ----------------------------===//
//
//   split(x) with one part            = x
//   repeat_kv(x) once                 = x
//   repeat_kv(repeat_kv(x, a), b)     = repeat_kv(x, a * b)
//   merge of one partial attention    = it
//   gate(split(x)) of both halves     = gate(x)
//   gather_rows(rms_norm(x))          = rms_norm(gather_rows(x)), which normalises only the rows that are wanted
//   attention from key 0 on           = attention
//
// A value that takes another type on the way (rounding, or another layout) is left as it is.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Llama.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace quipu::llama;

static Type elementType(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

LogicalResult SplitOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult> &results) {
  if (getNumResults() != 1 || getResult(0).getType() != getInput().getType())
    return failure();
  results.push_back(getInput());
  return success();
}

OpFoldResult RepeatKVOp::fold(FoldAdaptor) {
  return getTimes() == 1 && getResult().getType() == getInput().getType() ? getInput() : Value();
}

LogicalResult RepeatKVOp::canonicalize(RepeatKVOp op, PatternRewriter &rewriter) {
  auto inner = op.getInput().getDefiningOp<RepeatKVOp>();
  if (!inner || inner.getHeadDim() != op.getHeadDim() ||
      elementType(inner.getInput()) != elementType(inner.getResult()))
    return failure();
  rewriter.replaceOpWithNewOp<RepeatKVOp>(op, op.getResult().getType(), inner.getInput(), op.getHeadDim(),
                                          op.getTimes() * inner.getTimes());
  return success();
}

OpFoldResult MergeOp::fold(FoldAdaptor) {
  return getPartials().size() == 1 && getPartials().front().getType() == getResult().getType() ? getPartials().front()
                                                                                               : Value();
}

LogicalResult GateOp::canonicalize(GateOp op, PatternRewriter &rewriter) {
  auto split = op.getGate().getDefiningOp<SplitOp>();
  if (!op.getUp() || !split || split.getNumResults() != 2 || op.getGate() != split.getResult(0) ||
      op.getUp() != split.getResult(1) || elementType(op.getGate()) != elementType(split.getInput()) ||
      elementType(op.getUp()) != elementType(split.getInput()))
    return failure();
  rewriter.modifyOpInPlace(op, [&] {
    op.getGateMutable().assign(split.getInput());
    op.getUpMutable().clear();
  });
  return success();
}

LogicalResult GatherRowsOp::canonicalize(GatherRowsOp op, PatternRewriter &rewriter) {
  auto norm = op.getInput().getDefiningOp<RMSNormOp>();
  if (!norm || !norm->hasOneUse() || elementType(op.getResult()) != elementType(norm.getResult()))
    return failure();
  auto result = cast<RankedTensorType>(op.getResult().getType());
  auto selected = RankedTensorType::get(result.getShape(), elementType(norm.getInput()), result.getEncoding());
  Value rows = GatherRowsOp::create(rewriter, op.getLoc(), selected, norm.getInput(), op.getRows());
  Value normalised = RMSNormOp::create(rewriter, norm.getLoc(), result, rows, norm.getWeight(), norm.getEpsAttr());
  rewriter.replaceOp(op, normalised);
  return success();
}

LogicalResult AttentionOp::canonicalize(AttentionOp op, PatternRewriter &rewriter) {
  if (op.getKeyBegin() != 0)
    return failure();
  rewriter.modifyOpInPlace(op, [&] { op.removeKeyBeginAttr(); });
  return success();
}
