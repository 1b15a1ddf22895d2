//===- PairedRows.cpp - Results of products with paired rows --------------===//
//
// A tile is 16 rows of the weight: row p (0..7) is the first element of a pair and row p + 8 the second one.
//
//   gate(linear)             pair f is feature f of the gate and feature f of the up projection
//   split(linear)            queries, keys, values
//     rotate of q and of k   the pairs of a head are its rotary pairs, in order
//     values                 row n is feature n
//
//===----------------------------------------------------------------------===//

#include "ir/Reference/PairedRows.h"

#include "ir/Llama/RowPairing.h"
#include "ir/Reference/Patterns.h"

#include "mlir/IR/BuiltinOps.h"

using namespace mlir;

namespace quipu::llama {

static bool isPaired(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && isa_and_nonnull<PairedRowsAttr>(tensor.getEncoding());
}

/// Where an order puts row `row` of a source, as an element of a table.
static int32_t placeOf(plan::RowOrder order, int64_t groupRows, int64_t row) {
  return static_cast<int32_t>(targetRow(order, static_cast<uint64_t>(groupRows), static_cast<uint64_t>(row)));
}

static std::optional<SmallVector<int32_t>> rowsOfGate(GateOp gate) {
  int64_t features = widthOf(gate.getResult());
  if (gate.getUp() || features % kPairRun)
    return std::nullopt;
  SmallVector<int32_t> rows;
  for (plan::RowOrder order : {plan::RowOrder::first, plan::RowOrder::second})
    for (int64_t feature = 0; feature < features; ++feature)
      rows.push_back(placeOf(order, /*groupRows=*/0, feature));
  return rows;
}

/// Appends the rows of the heads that `part` of a split holds, which a rotary embedding turns.
static LogicalResult appendRotated(Value part, SmallVector<int32_t> &rows) {
  auto rotate = part.hasOneUse() ? dyn_cast<RotateOp>(*part.user_begin()) : RotateOp();
  if (!rotate || rotate.getInput() != part)
    return failure();
  auto first = static_cast<int32_t>(rows.size());
  int64_t headDim = rotate.getHeadDim();
  if (!isWholeTiles(static_cast<uint64_t>(headDim)))
    return failure();
  plan::RowOrder order = rowOrderOf(pairingOf(rotate.getLayout()));
  for (int64_t feature = 0; feature < widthOf(part); ++feature)
    rows.push_back(first + placeOf(order, headDim, feature));
  return success();
}

static std::optional<SmallVector<int32_t>> rowsOfSplit(SplitOp split) {
  SmallVector<int32_t> rows;
  if (split.getParts().size() != 3 || failed(appendRotated(split.getParts()[0], rows)) ||
      failed(appendRotated(split.getParts()[1], rows)))
    return std::nullopt;
  for (int64_t feature = 0; feature < widthOf(split.getParts()[2]); ++feature)
    rows.push_back(static_cast<int32_t>(rows.size()));
  return rows;
}

/// The row of the weight that is each feature for the op that reads `linear`.
static std::optional<SmallVector<int32_t>> rowsOfFeatures(LinearOp linear) {
  if (!linear->hasOneUse())
    return std::nullopt;
  Operation *reader = *linear->user_begin();
  if (auto gate = dyn_cast<GateOp>(reader))
    return rowsOfGate(gate);
  if (auto split = dyn_cast<SplitOp>(reader))
    return rowsOfSplit(split);
  return std::nullopt;
}

static LogicalResult orderFeatures(LinearOp linear) {
  std::optional<SmallVector<int32_t>> rows = rowsOfFeatures(linear);
  if (!rows)
    return linear.emitOpError() << "has a weight whose rows lie in pairs (" << linear.getWeight().getType()
                                << "), which only a gate of one operand, or a split into rotated queries, rotated "
                                   "keys and values, combines";
  ReferenceBuilder b(linear.getLoc(), linear);
  b.setInsertionPointAfter(linear);
  auto type = cast<RankedTensorType>(linear.getResult().getType());
  auto tableType = RankedTensorType::get({static_cast<int64_t>(rows->size())}, b.getI32Type());
  Value table = arith::ConstantOp::create(b, DenseElementsAttr::get(tableType, ArrayRef<int32_t>(*rows)));
  OpOperand &use = *linear->use_begin();
  use.set(b.generate(type, b.rowsOf(linear.getResult(), type), [&](ReferenceBuilder::Indices at) {
    return b.extract(linear.getResult(), {at[0], b.toIndex(b.extract(table, at[1]))});
  }));
  return success();
}

LogicalResult orderPairedFeatures(ModuleOp module) {
  SmallVector<LinearOp> linears;
  WalkResult walked = module.walk([&](Operation *op) {
    if (!isa<LlamaDialect>(op->getDialect()) || llvm::none_of(op->getOperandTypes(), isPaired))
      return WalkResult::advance();
    auto linear = dyn_cast<LinearOp>(op);
    if (!linear) {
      op->emitOpError() << "reads a weight whose rows lie in pairs, which only llama.linear does";
      return WalkResult::interrupt();
    }
    linears.push_back(linear);
    return WalkResult::advance();
  });
  if (walked.wasInterrupted())
    return failure();
  return failure(llvm::any_of(linears, [](LinearOp linear) { return failed(orderFeatures(linear)); }));
}

} // namespace quipu::llama
