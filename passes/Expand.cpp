//===- Expand.cpp - llama-expand ------------------------------------------===//
//
//   gated_mlp(x, G, U, D)     = linear(gate(linear(x, G), linear(x, U)), D),   gate(a, b) = act(a) * b
//   lm_head(x, rows, n, W)    = linear(rms_norm(gather_rows(x, rows), n), W)
//   rotary(x, positions)      = rotate(x, rotary_table(positions))
//
// The table holds cos and sin of positions[t] * f_j. It depends on no activation, so that one serves every op with the
// same rope, head size and positions.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Decisions.h"
#include "ir/Llama/Llama.h"
#include "ir/Llama/Provenance.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"

#include <tuple>

#define DEBUG_TYPE "llama-expand"

namespace quipu::llama {
#define GEN_PASS_DEF_EXPANDPASS
#include "passes/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

/// `type` with `width` features of `elementType`; the rows and their layout stay.
static RankedTensorType activationType(Type like, int64_t width, Type elementType) {
  auto type = cast<RankedTensorType>(like);
  return RankedTensorType::get({type.getDimSize(0), width}, elementType, type.getEncoding());
}

static int64_t rowsOf(Value matrix) { return cast<RankedTensorType>(matrix.getType()).getDimSize(0); }

/// The location `name` of an op that is a part of `op`. Of the origins of `op` it has the fields of `fields`, and the
/// tensors of `weights`, each of which may be null.
static Location locationOfPart(Operation *op, StringRef name, ArrayRef<StringRef> fields, ArrayRef<Value> weights) {
  MLIRContext *context = op->getContext();
  SmallVector<StringAttr> tensors;
  for (Value weight : weights)
    if (auto ref = weight ? weight.getDefiningOp<WeightRefOp>() : WeightRefOp())
      for (Attribute source : SymbolTable::lookupNearestSymbolFrom<WeightOp>(op, ref.getWeightAttr()).getSources())
        tensors.push_back(StringAttr::get(context, cast<SourceAttr>(source).getName()));
  SmallVector<FieldAttr> kept;
  llvm::copy_if(configFieldsOf(op->getLoc()), std::back_inserter(kept),
                [&](FieldAttr field) { return llvm::is_contained(fields, field.getName()); });
  // A module without origins gets none.
  if (kept.empty() && tensorsOf(op->getLoc()).empty())
    return namePlace(context, name, op->getLoc());
  return namePlace(context, name, namePlaceOf(context, getPlace(op->getLoc()), kept, tensors));
}

/// The same of an op that applies `weight`. Its place is that of the weight, or else `word` below the place of `op`.
static Location placeOfPart(Operation *op, StringRef word, ArrayRef<StringRef> fields, Value weight = {},
                            Value bias = {}) {
  StringRef place = getPlace(op->getLoc());
  std::string name = place.empty() ? word.str() : (place + "." + word).str();
  if (auto ref = weight ? weight.getDefiningOp<WeightRefOp>() : WeightRefOp())
    name = ref.getWeight().str();
  return locationOfPart(op, name, fields, {weight, bias});
}

static void expandGatedMLP(GatedMLPOp op) {
  OpBuilder builder(op);
  Type f32 = builder.getF32Type();
  int64_t inner = rowsOf(op.getGate());
  auto input = cast<RankedTensorType>(op.getInput().getType());
  auto wide = activationType(input, inner, f32);
  StringRef linear[] = {"hidden_size", "intermediate_size", "mlp_bias"};
  Value gate = LinearOp::create(builder, placeOfPart(op, "gate_proj", linear, op.getGate(), op.getGateBias()), wide,
                                op.getInput(), op.getGate(), op.getGateBias());
  Value up = LinearOp::create(builder, placeOfPart(op, "up_proj", linear, op.getUp(), op.getUpBias()), wide,
                              op.getInput(), op.getUp(), op.getUpBias());
  Value product = GateOp::create(builder, placeOfPart(op, "gate", {"intermediate_size", "hidden_act"}),
                                 activationType(input, inner, input.getElementType()), gate, up, op.getActivation());
  Value down = LinearOp::create(builder, placeOfPart(op, "down_proj", linear, op.getDown(), op.getDownBias()),
                                op.getResult().getType(), product, op.getDown(), op.getDownBias());
  op.replaceAllUsesWith(down);
  op.erase();
}

static void expandLMHead(LMHeadOp op) {
  OpBuilder builder(op);
  auto input = cast<RankedTensorType>(op.getInput().getType());
  auto result = cast<RankedTensorType>(op.getResult().getType());
  int64_t width = input.getDimSize(1);
  auto selected = RankedTensorType::get({result.getDimSize(0), width}, input.getElementType());
  auto normalised = RankedTensorType::get({result.getDimSize(0), width}, op.getComputeType());
  Value gathered =
      GatherRowsOp::create(builder, placeOfPart(op, "rows", {"hidden_size"}), selected, op.getInput(), op.getRows());
  Value norm =
      RMSNormOp::create(builder, placeOfPart(op, "norm", {"hidden_size", "rms_norm_eps", "model_type"}, op.getNorm()),
                        normalised, gathered, op.getNorm(), op.getEpsAttr());
  // The head keeps its own place: its weight may be the embedding's.
  Location head =
      locationOfPart(op, getPlace(op.getLoc()), {"vocab_size", "hidden_size", "tie_word_embeddings"}, op.getWeight());
  Value logits = LinearOp::create(builder, head, result, norm, op.getWeight(), Value());
  op.replaceAllUsesWith(logits);
  op.erase();
}

namespace {

struct ExpandPass : quipu::llama::impl::ExpandPassBase<ExpandPass> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      expand(func);
  }

private:
  void expand(func::FuncOp func) {
    SmallVector<Operation *> ops;
    func.walk([&](Operation *op) {
      if (isa<GatedMLPOp, LMHeadOp, RotaryOp>(op))
        ops.push_back(op);
    });
    using Key = std::tuple<Value, int64_t, Attribute>;
    llvm::MapVector<Key, SharedTable> tables;
    for (Operation *op : ops) {
      ++numExpanded;
      QUIPU_DECISION(op) << describeOp(op) << " becomes primitives";
      if (auto mlp = dyn_cast<GatedMLPOp>(op)) {
        expandGatedMLP(mlp);
      } else if (auto head = dyn_cast<LMHeadOp>(op)) {
        expandLMHead(head);
      } else {
        auto rotary = cast<RotaryOp>(op);
        SharedTable &table = tables[{rotary.getPositions(), rotary.getHeadDim(), rotary.getRope()}];
        if (table.op)
          QUIPU_DECISION(op) << describeOp(op) << " shares a table of cosines and sines";
        else
          table.op = makeTable(rotary);
        table.readers.push_back(rotary.getLoc());
        OpBuilder builder(rotary);
        Value rotated = RotateOp::create(builder, rotary.getLoc(), rotary.getResult().getType(), rotary.getInput(),
                                         table.op, rotary.getHeadDimAttr(), rotary.getRope().getLayout());
        rotary.replaceAllUsesWith(rotated);
        rotary.erase();
      }
    }
    for (auto &[key, table] : tables)
      table.op->setLoc(locationOfTable(table.readers));
  }

  /// A table, and the locations of the ops that read it.
  struct SharedTable {
    RotaryTableOp op;
    SmallVector<Location> readers;
  };

  /// A table is of all layers, so their numbers are not kept. It comes from the fields that all readers come from: one
  /// that says how many heads of keys there are is none of them.
  static Location locationOfTable(ArrayRef<Location> readers) {
    MLIRContext *context = readers.front().getContext();
    SmallVector<FieldAttr> fields = configFieldsOf(readers.front());
    SmallVector<Location> origins;
    for (Location reader : readers) {
      llvm::erase_if(fields, [&](FieldAttr field) { return !llvm::is_contained(configFieldsOf(reader), field); });
      StringRef place = placeOf(reader);
      origins.push_back(place.empty() ? reader : NameLoc::get(StringAttr::get(context, withoutLayer(place))));
    }
    origins.push_back(namePlaceOf(context, "", fields, {}));
    return namePlace(context, "rotary_table", origins);
  }

  /// The table lies where its positions do: after their op, or at the head of the function.
  static RotaryTableOp makeTable(RotaryOp rotary) {
    OpBuilder builder(rotary);
    builder.setInsertionPointAfterValue(rotary.getPositions());
    auto positions = cast<RankedTensorType>(rotary.getPositions().getType());
    auto type = RankedTensorType::get({positions.getDimSize(0), static_cast<int64_t>(rotary.getHeadDim())},
                                      builder.getF32Type());
    return RotaryTableOp::create(builder, rotary.getLoc(), type, rotary.getPositions(), rotary.getHeadDimAttr(),
                                 rotary.getRopeAttr());
  }
};

} // namespace
