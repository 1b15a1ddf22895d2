//===- FuseQkv.cpp - llama-fuse-qkv ---------------------------------------===//
//
//   q = linear(x, Q), k = linear(x, K), v = linear(x, V)
//     q, k, v = split(linear(x, [Q; K; V]))
//
// where q, turned by the rotary embedding, is the query of an attention over a cache layer, k, turned likewise, is
// appended to its keys, and v to its values.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Decisions.h"
#include "ir/Llama/Llama.h"
#include "ir/Llama/Place.h"
#include "passes/FuseLinears.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/MapVector.h"

#define DEBUG_TYPE "llama-fuse-qkv"

namespace quipu::llama {
#define GEN_PASS_DEF_FUSEQKVPASS
#include "passes/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

/// The linear that `value` is the result of. A rotary embedding may lie between them.
static LinearOp findProjection(Value value) {
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<RotateOp, RotaryOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return dyn_cast_or_null<LinearOp>(op);
}

namespace {

/// Names a cache layer. Several `llama.kv_layer` of one layer have the same key.
using LayerKey = std::pair<Value, int64_t>;

LayerKey layerOf(Value kv) {
  if (auto layer = kv.getDefiningOp<KVLayerOp>())
    return {layer.getCache(), static_cast<int64_t>(layer.getLayer())};
  return {kv, -1};
}

struct FuseQkvPass : quipu::llama::impl::FuseQkvPassBase<FuseQkvPass> {
  void runOnOperation() override {
    LinearFuser fuser(getOperation());
    llvm::MapVector<LayerKey, SmallVector<KVAppendOp>> appends;
    llvm::MapVector<LayerKey, SmallVector<AttentionOp>> attentions;
    getOperation().walk([&](Operation *op) {
      if (auto append = dyn_cast<KVAppendOp>(op))
        appends[layerOf(append.getKv())].push_back(append);
      else if (auto attention = dyn_cast<AttentionOp>(op))
        attentions[layerOf(attention.getKv())].push_back(attention);
    });
    for (auto &[layer, list] : appends)
      for (KVAppendOp append : list)
        fuseLayer(fuser, append, attentions.lookup(layer));
    fuser.eraseUnused();
  }

private:
  void fuseLayer(LinearFuser &fuser, KVAppendOp append, ArrayRef<AttentionOp> attentions) {
    LinearOp key = findProjection(append.getKeys()), value = findProjection(append.getValues());
    if (!key || !value || value.getResult() != append.getValues()) {
      QUIPU_DECISION(append) << describeOp(append) << " stays: its " << (key ? "values" : "keys")
                             << " are no result of a llama.linear";
      return;
    }
    if (attentions.empty())
      QUIPU_DECISION(append) << describeOp(append) << " stays: no attention reads the layer";
    std::string why;
    LinearOp apart;
    for (AttentionOp attention : attentions) {
      LinearOp query = findProjection(attention.getQuery());
      if (!query) {
        QUIPU_DECISION(append, attention)
            << describeOp(append) << ": the query of " << describeOp(attention) << " is no result of a llama.linear";
        continue;
      }
      why = fuser.whyNot({query, key, value});
      if (!why.empty()) {
        apart = query;
        continue;
      }
      LinearOp fused = fuser.fuse({query, key, value}, "qkv");
      OpBuilder builder(fused);
      builder.setInsertionPointAfter(fused);
      auto split = SplitOp::create(
          builder, fused.getLoc(),
          TypeRange{query.getResult().getType(), key.getResult().getType(), value.getResult().getType()},
          fused.getResult());
      query.getResult().replaceAllUsesWith(split.getParts()[0]);
      key.getResult().replaceAllUsesWith(split.getParts()[1]);
      value.getResult().replaceAllUsesWith(split.getParts()[2]);
      QUIPU_DECISION(append, fused) << describeOp(append) << ": query, key and value are one projection, "
                                    << describeOp(fused);
      ++numFused;
      return;
    }
    if (why.empty())
      return;
    std::string remark = "query, key and value projections stay apart: " + why;
    append.emitRemark() << remark;
    QUIPU_DECISION(append, apart, key, value) << describeOp(append) << ": " << remark;
  }
};

} // namespace
