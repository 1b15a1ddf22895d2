//===- Cache.cpp - Reference of the key/value cache -----------------------===//
//
// The cache is a memref of layers x 2 (keys, values) x sequences x positions x heads x head size.
//
//===----------------------------------------------------------------------===//

#include "ir/Reference/Patterns.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace quipu::llama {

static Values lowerKVLayer(KVLayerOp op, KVLayerOp::Adaptor in, ReferenceBuilder &b) {
  auto type = cast<MemRefType>(lowerType(op.getResult().getType()));
  auto cache = cast<MemRefType>(in.getCache().getType());
  SmallVector<OpFoldResult> offsets(6, b.getIndexAttr(0)), sizes, strides(6, b.getIndexAttr(1));
  offsets[0] = b.getIndexAttr(static_cast<int64_t>(op.getLayer()));
  sizes.push_back(b.getIndexAttr(1));
  for (int64_t dimension = 1; dimension < 6; ++dimension)
    sizes.push_back(cache.isDynamicDim(dimension) ? OpFoldResult(b.size(in.getCache(), dimension))
                                                  : b.getIndexAttr(cache.getDimSize(dimension)));
  auto inferred =
      cast<MemRefType>(memref::SubViewOp::inferRankReducedResultType(type.getShape(), cache, offsets, sizes, strides));
  Value layer = memref::SubViewOp::create(b, inferred, in.getCache(), offsets, sizes, strides);
  return {inferred == type ? layer : memref::CastOp::create(b, type, layer).getResult()};
}

/// Stores the keys and values of row `t` at `position` of `sequence`.
static void storeRow(ReferenceBuilder &b, KVAppendOp op, KVAppendOp::Adaptor in, Value t, Value sequence,
                     Value position) {
  KVLayerType layer = op.getKv().getType();
  const Values keysAndValues{in.getKeys(), in.getValues()};
  b.repeat(b.index(0), b.index(layer.getKvHeads()), [&](Value head) {
    b.repeat(b.index(0), b.index(layer.getHeadDim()), [&](Value d) {
      Value feature = b.add(b.mul(head, b.index(layer.getHeadDim())), d);
      for (auto [which, rows] : llvm::enumerate(keysAndValues)) {
        Value value = b.round(b.extract(rows, {t, feature}), layer.getElementType());
        memref::StoreOp::create(b, value, in.getKv(),
                                ValueRange{b.index(static_cast<int64_t>(which)), sequence, position, head, d});
      }
    });
  });
}

static Values lowerKVAppend(KVAppendOp op, KVAppendOp::Adaptor in, ReferenceBuilder &b) {
  b.repeat(b.index(0), b.size(in.getPositions(), 0), [&](Value t) {
    Value position = b.extract(in.getPositions(), t);
    Value isReal = b.compare(arith::CmpIPredicate::sge, position, b.i32(0));
    scf::IfOp::create(b, isReal, [&](OpBuilder &inner, Location) {
      OpBuilder::InsertionGuard guard(b);
      b.restoreInsertionPoint(inner.saveInsertionPoint());
      storeRow(b, op, in, t, b.toIndex(b.extract(in.getSequences(), t)), b.toIndex(position));
      scf::YieldOp::create(b);
    });
  });
  return {};
}

void addCachePatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  addPattern<KVLayerOp>(patterns, types, lowerKVLayer);
  addPattern<KVAppendOp>(patterns, types, lowerKVAppend);
}

} // namespace quipu::llama
