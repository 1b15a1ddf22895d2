//===- Rows.cpp - Reference of ops that move rows and features ------------===//

#include "ir/Reference/Patterns.h"

using namespace mlir;

namespace quipu::llama {

Value selectRows(ReferenceBuilder &b, Value source, Value indices, RankedTensorType type) {
  return b.generate(type, b.rowsOf(indices, type), [&](ReferenceBuilder::Indices at) {
    Value row = b.extractIndex(indices, at[0], b.size(source, 0));
    return b.extract(source, {row, at[1]});
  });
}

static Values lowerEmbedding(EmbeddingOp op, EmbeddingOp::Adaptor in, ReferenceBuilder &b) {
  RankedTensorType type = loweredTensor(op.getResult());
  Value table = decodeWeight(b, in.getTable(), op.getTable().getType());
  std::optional<APFloat> scale = op.getScale();
  if (!scale)
    return {selectRows(b, table, in.getTokens(), type)};
  Value rows = selectRows(b, table, in.getTokens(), type.clone(b.getF32Type()));
  return {b.generate(type, b.rowsOf(in.getTokens(), type), [&](ReferenceBuilder::Indices at) {
    return b.mul(b.extract(rows, {at[0], at[1]}), b.f32(scale->convertToDouble()));
  })};
}

static Values lowerGatherRows(GatherRowsOp op, GatherRowsOp::Adaptor in, ReferenceBuilder &b) {
  return {selectRows(b, in.getInput(), in.getRows(), loweredTensor(op.getResult()))};
}

static Values lowerSplit(SplitOp op, SplitOp::Adaptor in, ReferenceBuilder &b) {
  Values parts;
  int64_t first = 0;
  for (Value part : op.getParts()) {
    RankedTensorType type = loweredTensor(part);
    parts.push_back(b.generate(type, b.rowsOf(in.getInput(), type), [&](ReferenceBuilder::Indices at) {
      return b.extract(in.getInput(), {at[0], b.add(at[1], b.index(first))});
    }));
    first += type.getDimSize(1);
  }
  return parts;
}

static Values lowerRepeatKV(RepeatKVOp op, RepeatKVOp::Adaptor in, ReferenceBuilder &b) {
  int64_t headDim = op.getHeadDim(), times = op.getTimes();
  RankedTensorType type = loweredTensor(op.getResult());
  return {b.generate(type, b.rowsOf(in.getInput(), type), [&](ReferenceBuilder::Indices at) {
    Value head = b.div(at[1], b.index(headDim * times));
    Value feature = b.add(b.mul(head, b.index(headDim)), b.rem(at[1], b.index(headDim)));
    return b.extract(in.getInput(), {at[0], feature});
  })};
}

void addRowPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  addPattern<EmbeddingOp>(patterns, types, lowerEmbedding);
  addPattern<GatherRowsOp>(patterns, types, lowerGatherRows);
  addPattern<SplitOp>(patterns, types, lowerSplit);
  addPattern<RepeatKVOp>(patterns, types, lowerRepeatKV);
}

} // namespace quipu::llama
