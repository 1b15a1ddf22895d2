//===- Attention.cpp - Reference of attention over cached keys ------------===//
//
//   scores[t, h, j] = scale * <query[t, h], K[s, j, g]> where row t sees position j, else minus infinity
//   weights         = exp(scores - max_j scores)
//   result[t, h]    = sum_j weights[t, h, j] * V[s, j, g] / sum_j weights[t, h, j]
//
// over all positions j that the cache has room for.
//
//===----------------------------------------------------------------------===//

#include "ir/Reference/Patterns.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;

namespace quipu::llama {
namespace {

class AttentionFormulas {
public:
  AttentionFormulas(AttentionOp op, AttentionOp::Adaptor in, ReferenceBuilder &b)
      : op(op), in(in), b(b), heads(op.getNumHeads()), group(heads / static_cast<int64_t>(op.getNumKvHeads())),
        headDim(op.getKv().getType().getHeadDim()), room(b.size(in.getKv(), 2)) {
    int64_t rows = loweredTensor(op.getResult()).getDimSize(0);
    perHeadType = b.floats({rows, heads});
    perKeyType = b.floats({rows, heads, ShapedType::kDynamic});
  }

  Values lower() {
    Value scores = perKey([&](Indices at) { return score(at); });
    Value greatest = perHead([&](Indices at) { return greatestOf(scores, at); });
    Value weights =
        perKey([&](Indices at) { return b.exp(b.sub(b.extract(scores, at), b.extract(greatest, {at[0], at[1]}))); });
    Value sums = perHead([&](Indices at) {
      return b.sum(b.index(0), room, [&](Value key) { return b.extract(weights, {at[0], at[1], key}); });
    });
    RankedTensorType type = loweredTensor(op.getResult());
    Values results{
        b.generate(type, b.rowsOf(in.getQuery(), type), [&](Indices at) { return weightedValue(weights, sums, at); })};
    if (op.getLse()) {
      RankedTensorType lseType = loweredTensor(op.getLse());
      results.push_back(b.generate(lseType, b.rowsOf(in.getQuery(), lseType), [&](Indices at) {
        return b.add(b.extract(greatest, at), math::LogOp::create(b, b.extract(sums, at)));
      }));
    }
    return results;
  }

private:
  using Indices = ReferenceBuilder::Indices;

  Value perHead(function_ref<Value(Indices)> element) {
    return b.generate(perHeadType, b.rowsOf(in.getQuery(), perHeadType), element);
  }
  Value perKey(function_ref<Value(Indices)> element) {
    Values sizes = b.rowsOf(in.getQuery(), perKeyType);
    sizes.push_back(room);
    return b.generate(perKeyType, sizes, element);
  }

  Value sequenceOf(Value row) { return b.extractIndex(in.getSequences(), row, b.size(in.getKv(), 1)); }

  /// Whether a row sees the key at a position.
  Value isSeen(Value row, Value keyIndex) {
    using Predicate = arith::CmpIPredicate;
    Value position = b.extract(in.getPositions(), row);
    Value key = b.toI32(keyIndex);
    Value seen = b.compare(Predicate::sge, position, b.i32(0));
    auto require = [&](Predicate predicate, Value left, Value right) {
      seen = b.logicalAnd(seen, b.compare(predicate, left, right));
    };
    if (op.getCausal())
      require(Predicate::sle, key, position);
    if (auto window = op.getWindow())
      require(Predicate::sgt, key, b.sub(position, b.i32(static_cast<int64_t>(*window))));
    if (auto begin = op.getKeyBegin())
      require(Predicate::sge, key, b.i32(static_cast<int64_t>(*begin)));
    if (auto end = op.getKeyEnd())
      require(Predicate::slt, key, b.i32(static_cast<int64_t>(*end)));
    return seen;
  }

  Value score(Indices at) {
    Value seen = isSeen(at[0], at[2]);
    Value sequence = sequenceOf(at[0]);
    Value kvHead = b.div(at[1], b.index(group));
    Value first = b.mul(at[1], b.index(headDim));
    Value product = b.sum(b.index(0), b.index(headDim), [&](Value d) {
      Value key = b.load(in.getKv(), {b.index(0), sequence, at[2], kvHead, d});
      return b.mul(b.extract(in.getQuery(), {at[0], b.add(first, d)}), key);
    });
    Value minusInfinity = b.f32(-std::numeric_limits<double>::infinity());
    return b.select(seen, b.mul(product, b.f32(op.getScale().convertToDouble())), minusInfinity);
  }

  Value greatestOf(Value scores, Indices at) {
    // Below every score; unlike minus infinity it may be subtracted from minus infinity.
    Value lowest = b.f32(std::numeric_limits<float>::lowest());
    return b.fold(b.index(0), room, lowest, [&](Value key, ValueRange carried) -> Values {
      return {b.max(carried[0], b.extract(scores, {at[0], at[1], key}))};
    })[0];
  }

  Value weightedValue(Value weights, Value sums, Indices at) {
    Value head = b.div(at[1], b.index(headDim)), d = b.rem(at[1], b.index(headDim));
    Value kvHead = b.div(head, b.index(group));
    Value sequence = sequenceOf(at[0]);
    Value total = b.sum(b.index(0), room, [&](Value key) {
      Value weight = b.extract(weights, {at[0], head, key});
      Value value = b.load(in.getKv(), {b.index(1), sequence, key, kvHead, d});
      // What lies beyond the row's keys was perhaps never written, and zero times NaN is NaN.
      Value counts = b.compare(arith::CmpFPredicate::OGT, weight, b.f32(0));
      return b.select(counts, b.mul(weight, value), b.f32(0));
    });
    Value sum = b.extract(sums, {at[0], head});
    Value isEmpty = b.compare(arith::CmpFPredicate::OEQ, sum, b.f32(0));
    return b.select(isEmpty, b.f32(0), b.div(total, sum));
  }

  AttentionOp op;
  AttentionOp::Adaptor in;
  ReferenceBuilder &b;
  int64_t heads, group, headDim;
  /// Positions that the cache has room for.
  Value room;
  RankedTensorType perHeadType, perKeyType;
};

} // namespace

static Values lowerAttention(AttentionOp op, AttentionOp::Adaptor in, ReferenceBuilder &b) {
  return AttentionFormulas(op, in, b).lower();
}

static Values lowerMerge(MergeOp op, MergeOp::Adaptor in, ReferenceBuilder &b) {
  RankedTensorType type = loweredTensor(op.getResult());
  int64_t headDim = type.getDimSize(1) / widthOf(in.getLses().front());
  return {b.generate(type, b.rowsOf(in.getPartials().front(), type), [&](ReferenceBuilder::Indices at) {
    Value head = b.div(at[1], b.index(headDim));
    Values logs;
    Value greatest = b.f32(std::numeric_limits<float>::lowest());
    for (Value lse : in.getLses()) {
      logs.push_back(b.extract(lse, {at[0], head}));
      greatest = b.max(greatest, logs.back());
    }
    Value sum = b.f32(0), total = b.f32(0);
    for (auto [log, partial] : llvm::zip_equal(logs, in.getPartials())) {
      Value weight = b.exp(b.sub(log, greatest));
      sum = b.add(sum, weight);
      total = b.add(total, b.mul(weight, b.extract(partial, at)));
    }
    return b.div(total, sum);
  })};
}

void addAttentionPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  addPattern<AttentionOp>(patterns, types, lowerAttention);
  addPattern<MergeOp>(patterns, types, lowerMerge);
}

} // namespace quipu::llama
