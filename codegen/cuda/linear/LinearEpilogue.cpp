//===- LinearEpilogue.cpp - What follows the product ------------------------===//

#include "codegen/cuda/linear/LinearEpilogue.h"

#include "codegen/common/Activation.h"
#include "codegen/common/CacheAddress.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

LogicalResult LinearEpilogue::check(LinearRegion &region) {
  KernelOp kernel = region.kernel;
  auto weight = cast<RankedTensorType>(region.linear.getWeight().getType());
  auto paired = dyn_cast_or_null<PairedRowsAttr>(weight.getEncoding());
  if (!combinesPairs(region)) {
    if (paired)
      return kernel.emitOpError() << "combines no rows of its weight, which lies in pairs for another kernel: "
                                  << weight;
    return success();
  }
  if (!paired || paired.getSources().size() != (region.gate ? 2 : 3))
    return kernel.emitOpError()
           << "combines rows of its weight, which on CUDA needs the layout #llama.paired_rows with "
           << (region.gate ? 2 : 3) << " sources, but the weight is " << weight;
  if (region.gate && region.outputs() % 16)
    return kernel.emitOpError() << "gates " << region.outputs() / 2 << " features; CUDA kernels need a multiple of 8";
  if (region.split && region.headDim() % 16)
    return kernel.emitOpError() << "has heads of " << region.headDim()
                                << " elements; CUDA kernels need a multiple of 16";
  return success();
}

void LinearEpilogue::ifValid(Value valid, llvm::function_ref<void()> body) {
  if (valid)
    b.ifThen(valid, body);
  else
    body();
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

void LinearEpilogue::loadBias(Value tile, Value pair, int64_t pairs, bool paired, EpilogueOperands &operands) {
  Value bias = region.linear.getBias();
  if (!bias || !operands.firstBias.empty())
    return;
  // In the order of the weight's rows.
  Value feature = b.add(b.mul(tile, 16), pair);
  operands.firstBias = loadOutputs(getElementTypeOrSelf(bias), frame.argument(bias), feature, pairs);
  if (paired)
    operands.secondBias = loadOutputs(getElementTypeOrSelf(bias), frame.argument(bias), b.add(feature, 8), pairs);
}

void LinearEpilogue::loadTurns(Value tile, Value pair, int64_t pairs, Value row, EpilogueOperands &operands) {
  if (!operands.first.empty())
    return;
  int64_t head = region.headDim();
  // Queries, keys and values begin with whole heads, so the remainder is the place in a head.
  Value pairInHead = b.add(b.mul(b.rem(tile, headTiles()), 8), pair);
  Value tableRow = b.at(frame.argument(region.rotateQuery.getTable()), b.mul(b.widen(row), head * 4));
  Value cosines = b.at(tableRow, b.mul(pairInHead, 4));
  operands.first = b.loadRun(b.getF32Type(), pairs, cosines);
  operands.second = b.loadRun(b.getF32Type(), pairs, b.at(cosines, head / 2 * 4));
}

void LinearEpilogue::loadResiduals(Value tile, Value pair, int64_t pairs, Value row, bool paired,
                                   EpilogueOperands &operands) {
  if (!region.residual || !operands.first.empty())
    return;
  Value other = region.residualOperand();
  Type element = getElementTypeOrSelf(other);
  Value start = b.at(frame.argument(other), b.mul(b.widen(row), region.outputs() * bytesOf(element)));
  Value feature = b.add(b.mul(tile, 16), pair);
  operands.first = loadOutputs(element, start, feature, pairs);
  if (paired)
    operands.second = loadOutputs(element, start, b.add(feature, 8), pairs);
}

LinearEpilogue::Values LinearEpilogue::loadOutputs(Type element, Value rowPointer, Value feature, int64_t count) {
  int64_t outputs = region.outputs();
  if (outputs % count == 0) {
    feature = b.min(feature, b.i32(outputs - count));
    return b.loadRun(element, count, b.at(rowPointer, b.mul(feature, bytesOf(element))));
  }
  Values values;
  for (int64_t i = 0; i < count; ++i) {
    Value single = b.min(b.add(feature, i), b.i32(outputs - 1));
    values.push_back(b.loadF32(element, b.at(rowPointer, b.mul(single, bytesOf(element)))));
  }
  return values;
}

Value LinearEpilogue::cacheRow(Value row, Value valid) {
  if (!region.append)
    return {};
  KVAppendOp append = region.append;
  CacheAddress cache(b, frame, append.getKv());
  Value existing = valid ? b.select(valid, row, b.i32(0)) : row;
  Value place = b.mul(existing, 4);
  Value position = b.loadI32(b.at(frame.argument(append.getPositions()), place));
  Value sequence = b.loadI32(b.at(frame.argument(append.getSequences()), place));
  Value wanted = b.compare(arith::CmpIPredicate::sge, position, 0);
  Value offset = cache.rowOffset(b, b.widen(sequence), b.widen(b.max(position, b.i32(0))));
  if (valid)
    wanted = b.both(wanted, valid);
  return b.select(wanted, offset, b.i64(-1));
}

Value LinearEpilogue::cacheRow(Value tile, Value row, Value valid) {
  if (!region.append)
    return {};
  return cacheRow(row, b.both(valid, b.compare(arith::CmpIPredicate::sge, tile, queryTiles())));
}

EpilogueOperands LinearEpilogue::load(Value tile, Value pair, int64_t pairs, Value row, Value valid, bool paired,
                                      Value cacheRow) {
  EpilogueOperands operands;
  Value existing = valid ? b.select(valid, row, b.i32(0)) : row;
  loadBias(tile, pair, pairs, paired, operands);
  if (region.split) {
    loadTurns(tile, pair, pairs, existing, operands);
    operands.cacheRow = cacheRow ? cacheRow : this->cacheRow(row, valid);
  } else {
    loadResiduals(tile, pair, pairs, existing, paired, operands);
  }
  return operands;
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

std::pair<LinearEpilogue::Values, LinearEpilogue::Values> LinearEpilogue::biased(Value tile,
                                                                                 const EpilogueValues &values) {
  std::pair<Values, Values> sums(values.first, values.second);
  if (!region.linear.getBias())
    return sums;
  EpilogueOperands operands = values.operands;
  int64_t pairs = values.first.size();
  loadBias(tile, values.pair, pairs, !values.second.empty(), operands);
  for (auto [sum, bias] : llvm::zip(sums.first, operands.firstBias))
    sum = b.addf(sum, bias);
  for (auto [sum, bias] : llvm::zip(sums.second, operands.secondBias))
    sum = b.addf(sum, bias);
  return sums;
}

std::pair<LinearEpilogue::Values, LinearEpilogue::Values> LinearEpilogue::rotated(Value tile,
                                                                                  const EpilogueValues &values) {
  EpilogueOperands operands = values.operands;
  loadTurns(tile, values.pair, values.first.size(), values.row, operands);
  auto [first, second] = biased(tile, values);
  for (size_t i = 0; i < first.size(); ++i)
    std::tie(first[i], second[i]) = b.rotatePair(first[i], second[i], operands.first[i], operands.second[i]);
  return {first, second};
}

void LinearEpilogue::storePairs(Type element, Value head, Value pair, RotaryLayout layout,
                                const std::pair<Values, Values> &values) {
  const auto &[first, second] = values;
  if (layout == RotaryLayout::Interleaved) {
    Values interleaved;
    for (auto [a, c] : llvm::zip_equal(first, second)) {
      interleaved.push_back(a);
      interleaved.push_back(c);
    }
    b.storeRun(element, interleaved, b.at(head, b.mul(pair, 2 * bytesOf(element))));
    return;
  }
  Value start = b.at(head, b.mul(pair, bytesOf(element)));
  b.storeRun(element, first, start);
  b.storeRun(element, second, b.at(start, region.headDim() / 2 * bytesOf(element)));
}

void LinearEpilogue::storeQueries(Value tile, ArrayRef<EpilogueValues> values) {
  Type element = cast<RankedTensorType>(region.kernel.getResultTypes()[0]).getElementType();
  int64_t head = region.headDim();
  Value headOffset = b.mul(b.div(tile, headTiles()), head * bytesOf(element));
  Value firstPair = b.mul(b.rem(tile, headTiles()), 8);
  for (const EpilogueValues &value : values)
    ifValid(value.valid, [&] {
      Value row = b.mul(b.widen(value.row), queryTiles() * 16 * bytesOf(element));
      storePairs(element, b.at(b.at(frame.result(0), row), headOffset), b.add(firstPair, value.pair),
                 region.rotateQuery.getLayout(), rotated(tile, value));
    });
}

void LinearEpilogue::append(Value tile, Value sectionTile, bool keys, ArrayRef<EpilogueValues> values) {
  CacheAddress cache(b, frame, region.append.getKv());
  Type element = cache.type.getElementType();
  Value pool =
      b.at(keys ? cache.keys : cache.values, b.mul(b.widen(b.div(sectionTile, headTiles())), cache.headBytes()));
  Value tileInHead = b.rem(sectionTile, headTiles());
  for (const EpilogueValues &value : values) {
    Value offset = value.operands.cacheRow ? value.operands.cacheRow : cacheRow(value.row, value.valid);
    b.ifThen(b.compare(arith::CmpIPredicate::sge, offset, 0), [&] {
      Value head = b.at(pool, offset);
      if (keys) {
        storePairs(element, head, b.add(b.mul(tileInHead, 8), value.pair), region.rotateKeys.getLayout(),
                   rotated(tile, value));
        return;
      }
      auto [first, second] = biased(tile, value);
      Value start = b.at(head, b.mul(b.add(b.mul(tileInHead, 16), value.pair), bytesOf(element)));
      b.storeRun(element, first, start);
      b.storeRun(element, second, b.at(start, 8 * bytesOf(element)));
    });
  }
}

void LinearEpilogue::storeGate(Value tile, ArrayRef<EpilogueValues> values) {
  Type element = cast<RankedTensorType>(region.kernel.getResultTypes()[0]).getElementType();
  int64_t features = region.outputs() / 2;
  // For all rows before the first branch, so that the latency of one row's exponentials hides the next one's.
  SmallVector<Values> products(values.size());
  for (auto [value, product] : llvm::zip_equal(values, products)) {
    auto [gates, ups] = biased(tile, value);
    for (auto [gate, up] : llvm::zip_equal(gates, ups))
      product.push_back(b.mulf(activate(b, region.gate.getActivation(), gate), up));
  }
  for (auto [value, product] : llvm::zip_equal(values, products))
    ifValid(value.valid, [&] {
      Value row = b.at(frame.result(0), b.mul(b.widen(value.row), features * bytesOf(element)));
      b.storeRun(element, product, b.at(row, b.mul(b.add(b.mul(tile, 8), value.pair), bytesOf(element))));
    });
}

void LinearEpilogue::storePlain(Value tile, ArrayRef<EpilogueValues> values) {
  Type element = cast<RankedTensorType>(region.kernel.getResultTypes()[0]).getElementType();
  int64_t outputs = region.outputs();
  for (const EpilogueValues &value : values)
    ifValid(value.valid, [&] {
      int64_t pairs = value.first.size();
      EpilogueOperands operands = value.operands;
      loadResiduals(tile, value.pair, pairs, value.row, !value.second.empty(), operands);
      auto [first, second] = biased(tile, value);
      Value row = b.at(frame.result(0), b.mul(b.widen(value.row), outputs * bytesOf(element)));
      auto storeHalf = [&](MutableArrayRef<Value> sums, ArrayRef<Value> others, int64_t offset) {
        for (auto [sum, other] : llvm::zip(sums, others))
          sum = b.addf(sum, other);
        Value feature = b.add(b.add(b.mul(tile, 16), value.pair), offset);
        auto storePart = [&](int64_t begin, int64_t count) {
          Value start = b.add(feature, begin);
          Value exists = outputs % 16 ? b.compare(arith::CmpIPredicate::slt, start, outputs) : Value();
          ifValid(exists, [&] {
            b.storeRun(element, ArrayRef<Value>(sums).slice(begin, count),
                       b.at(row, b.mul(b.widen(start), bytesOf(element))));
          });
        };
        // A run neither straddles the last feature nor leaves its alignment when their number divides the row.
        if (outputs % pairs == 0)
          return storePart(0, pairs);
        for (int64_t i = 0; i < pairs; ++i)
          storePart(i, 1);
      };
      storeHalf(first, operands.first, 0);
      if (!second.empty())
        storeHalf(second, operands.second, 8);
    });
}

void LinearEpilogue::store(Value tile, ArrayRef<EpilogueValues> values) {
  // A block may have more tiles than the weight.
  b.ifThen(b.compare(arith::CmpIPredicate::slt, tile, countTiles(region)), [&] {
    if (region.gate)
      storeGate(tile, values);
    else if (region.split)
      storeSplit(tile, values);
    else
      storePlain(tile, values);
  });
}

void LinearEpilogue::storeSplit(Value tile, ArrayRef<EpilogueValues> values) {
  using Branch = llvm::function_ref<void()>;
  auto choose = [&](Value condition, Branch then, Branch otherwise) {
    auto run = [](Branch branch) {
      branch();
      return CudaBuilder::Values();
    };
    b.ifElse(condition, [&] { return run(then); }, [&] { return run(otherwise); });
  };
  int64_t firstKey = queryTiles(), firstValue = queryTiles() + keyTiles();
  choose(
      b.compare(arith::CmpIPredicate::slt, tile, firstKey), [&] { storeQueries(tile, values); },
      [&] {
        choose(
            b.compare(arith::CmpIPredicate::slt, tile, firstValue),
            [&] { append(tile, b.sub(tile, firstKey), /*keys=*/true, values); },
            [&] { append(tile, b.sub(tile, firstValue), /*keys=*/false, values); });
      });
}

} // namespace quipu::codegen::cuda
