//===- ShareKvHeads.cpp - llama-share-kv-heads ----------------------------===//
//
// With R(k) = repeat_kv(k, n), head h of R(k) is head h / n of k, and turning heads by an angle that depends on the
// position alone commutes with it: rotate(R(k)) = R(rotate(k)). So
//
//   append(cache of n G heads, R(k), R(v));  attention(q, H query heads over n G heads)
//     = append(cache of G heads, k, v);      attention(q, H query heads over G heads)
//
// for query head h reads head h / (H / (n G)) of R(k), which is head h / (H / G) of k.
//
//===----------------------------------------------------------------------===//

#include "ir/Llama/Decisions.h"
#include "ir/Llama/Llama.h"
#include "ir/Llama/Place.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

#define DEBUG_TYPE "llama-share-kv-heads"

namespace quipu::llama {
#define GEN_PASS_DEF_SHAREKVHEADSPASS
#include "passes/Passes.h.inc"
} // namespace quipu::llama

using namespace mlir;
using namespace quipu::llama;

/// The repetition that `value` is the result of. A rotary embedding may lie between them.
static RepeatKVOp findRepeat(Value value) {
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<RotateOp, RotaryOp>(op))
    op = op->getOperand(0).getDefiningOp();
  return dyn_cast_or_null<RepeatKVOp>(op);
}

static Type elementTypeOf(Value value) { return cast<RankedTensorType>(value.getType()).getElementType(); }

/// `value` without the repetition in it.
static Value dropRepeat(Value value) {
  Operation *op = value.getDefiningOp();
  RepeatKVOp repeat = findRepeat(value);
  if (op == repeat)
    return repeat.getInput();
  // A rotary embedding of fewer heads takes the place of both ops.
  OpBuilder builder(op);
  Operation *turned = builder.clone(*op);
  turned->setLoc(namePlace(op->getContext(), getPlace(op->getLoc()), {op->getLoc(), repeat.getLoc()}));
  turned->setOperand(0, repeat.getInput());
  auto type = cast<RankedTensorType>(value.getType());
  int64_t width = cast<RankedTensorType>(repeat.getInput().getType()).getDimSize(1);
  turned->getResult(0).setType(
      RankedTensorType::get({type.getDimSize(0), width}, type.getElementType(), type.getEncoding()));
  return turned->getResult(0);
}

/// Erases the op of `value` if nothing uses it, and then in the same way the op that its input comes from.
static void eraseDead(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !op->use_empty() || !isa<RotateOp, RotaryOp, RepeatKVOp>(op))
    return;
  Value input = op->getOperand(0);
  op->erase();
  eraseDead(input);
}

namespace {

/// The ops that use one cache.
struct CacheUses {
  SmallVector<KVLayerOp> layers;
  SmallVector<KVAppendOp> appends;
  SmallVector<AttentionOp> attentions;
  int64_t times = 0;
  /// The cache holds repeated heads. Where it does not, the pass has nothing to remark.
  bool repeats = false;
};

struct ShareKvHeadsPass : quipu::llama::impl::ShareKvHeadsPassBase<ShareKvHeadsPass> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isExternal())
        continue;
      for (BlockArgument argument : func.getArguments())
        if (auto cache = dyn_cast<KVCacheType>(argument.getType()))
          shareCache(func, argument, cache);
    }
  }

private:
  void shareCache(func::FuncOp func, BlockArgument argument, KVCacheType cache) {
    CacheUses uses;
    std::string why;
    Operation *culprit = collect(argument, cache, uses, why);
    if (culprit) {
      if (uses.repeats)
        culprit->emitRemark() << "repeated key/value heads stay in the cache: " << why;
      QUIPU_DECISION(culprit) << "@" << func.getSymName() << ": the cache keeps its " << cache.getKvHeads()
                              << " heads: " << describeOp(culprit) << ": " << why;
      return;
    }
    if (uses.times <= 1) {
      QUIPU_DECISION(func) << "@" << func.getSymName() << ": the cache keeps its " << cache.getKvHeads()
                           << " heads: nothing repeats them";
      return;
    }

    int64_t heads = cache.getKvHeads() / uses.times;
    QUIPU_DECISION(func) << "@" << func.getSymName() << ": " << heads << " heads of the cache instead of "
                         << cache.getKvHeads() << ", in " << uses.layers.size() << " layers";
    auto narrow = KVCacheType::get(&getContext(), cache.getLayers(), heads, cache.getHeadDim(), cache.getElementType(),
                                   cache.getPage());
    auto narrowLayer =
        KVLayerType::get(&getContext(), heads, cache.getHeadDim(), cache.getElementType(), cache.getPage());
    argument.setType(narrow);
    func.setType(FunctionType::get(&getContext(), func.getBody().getArgumentTypes(), func.getResultTypes()));
    for (KVLayerOp layer : uses.layers)
      layer.getResult().setType(narrowLayer);
    for (KVAppendOp append : uses.appends) {
      for (OpOperand *operand : {&append.getKeysMutable(), &append.getValuesMutable()}) {
        Value old = operand->get();
        operand->set(dropRepeat(old));
        eraseDead(old);
      }
      ++numShared;
    }
    for (AttentionOp attention : uses.attentions)
      attention.setNumKvHeads(heads);
  }

  /// Collects the uses of a cache. Returns the first op that keeps the heads from being shared, with the reason in
  /// `why`; null when they can be.
  static Operation *collect(BlockArgument argument, KVCacheType cache, CacheUses &uses, std::string &why) {
    Operation *culprit = nullptr;
    auto hinder = [&](Operation *op, const Twine &reason) {
      if (!culprit) {
        culprit = op;
        why = reason.str();
      }
    };
    for (Operation *user : argument.getUsers()) {
      auto layer = dyn_cast<KVLayerOp>(user);
      if (!layer) {
        hinder(user, "the whole cache has another use");
        continue;
      }
      uses.layers.push_back(layer);
      for (Operation *access : layer->getUsers()) {
        if (auto append = dyn_cast<KVAppendOp>(access))
          uses.appends.push_back(append);
        else if (auto attention = dyn_cast<AttentionOp>(access))
          uses.attentions.push_back(attention);
        else
          hinder(access, "the cache layer has another use");
      }
    }
    for (KVAppendOp append : uses.appends)
      checkAppend(append, cache, uses, hinder);
    return culprit;
  }

  /// Calls `hinder` with an op and a reason where keys or values of an append are not repeated as those of all others.
  static void checkAppend(KVAppendOp append, KVCacheType cache, CacheUses &uses,
                          llvm::function_ref<void(Operation *, const Twine &)> hinder) {
    for (Value value : {append.getKeys(), append.getValues()}) {
      RepeatKVOp repeat = findRepeat(value);
      bool isKeys = value == append.getKeys();
      if (!repeat) {
        hinder(append, Twine("the ") + (isKeys ? "keys" : "values") + " of this layer are not repeated");
        continue;
      }
      uses.repeats = true;
      int64_t times = repeat.getTimes();
      if (static_cast<int64_t>(repeat.getHeadDim()) != cache.getHeadDim())
        hinder(repeat, "it repeats heads of " + Twine(static_cast<int64_t>(repeat.getHeadDim())) +
                           " elements, but those of the cache have " + Twine(cache.getHeadDim()));
      if (elementTypeOf(repeat.getInput()) != elementTypeOf(repeat.getResult()))
        hinder(repeat, "the repetition also rounds");
      if (uses.times && uses.times != times)
        hinder(repeat, "it repeats " + Twine(times) + " times, another " + Twine(uses.times) + " times");
      uses.times = times;
    }
  }
};

} // namespace
