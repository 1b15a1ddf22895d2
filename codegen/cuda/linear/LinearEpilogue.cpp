//===- LinearEpilogue.cpp - What follows the product ------------------------===//

#include "codegen/cuda/linear/LinearEpilogue.h"

#include "codegen/common/Activation.h"
#include "codegen/common/CacheAddress.h"
#include "codegen/common/OpLocation.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cuda {

LogicalResult LinearEpilogue::check(LinearRegion &region) {
  KernelOp kernel = region.kernel;
  RankedTensorType weight = region.weightType();
  size_t sources = region.combinedRows().size();
  auto paired = dyn_cast_or_null<PairedRowsAttr>(weight.getEncoding());
  if (!combinesPairs(region)) {
    if (paired)
      return kernel.emitOpError() << "combines no rows of its weight, which lies in pairs for another kernel: "
                                  << weight;
    return success();
  }
  if (!paired || paired.getSources().size() != sources)
    return kernel.emitOpError()
           << "combines rows of its weight, which on CUDA needs the layout #llama.paired_rows with " << sources
           << " sources, but the weight is " << weight;
  if (region.has<GateStage>() && region.outputs() % 16)
    return kernel.emitOpError() << "gates " << region.outputs() / 2 << " features; CUDA kernels need a multiple of 8";
  if (region.has<RotateStage>() && region.headDim() % 16)
    return kernel.emitOpError() << "has heads of " << region.headDim()
                                << " elements; CUDA kernels need a multiple of 16";
  return success();
}

bool LinearEpilogue::onlyStores(const LinearRegion &region) {
  return llvm::all_of(region.sections, [](const LinearSection &section) {
    return llvm::all_of(section.stages, [](const EpilogueStage &stage) {
      return std::holds_alternative<BiasStage>(stage) || std::holds_alternative<StoreStage>(stage);
    });
  });
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

/// In the order of the weight's rows.
PairValues LinearEpilogue::loadStage(const BiasStage &stage, const OperandPlace &at) {
  return loadOutputs(getElementTypeOrSelf(stage.bias), frame.argument(stage.bias), at);
}

PairValues LinearEpilogue::loadStage(const RotateStage &stage, const OperandPlace &at) {
  int64_t head = region.headDim();
  // Queries, keys and values begin with whole heads, so the remainder is the place in a head.
  Value pairInHead = b.add(b.mul(b.rem(at.tile, headTiles()), 8), at.pair);
  Value tableRow = b.at(frame.argument(RotateOp(stage.op).getTable()), b.mul(b.widen(at.row), head * 4));
  Value cosines = b.at(tableRow, b.mul(pairInHead, 4));
  PairValues turns;
  turns.first = b.loadRun(b.getF32Type(), at.pairs, cosines);
  turns.second = b.loadRun(b.getF32Type(), at.pairs, b.at(cosines, head / 2 * 4));
  return turns;
}

PairValues LinearEpilogue::loadStage(const ResidualStage &stage, const OperandPlace &at) {
  Type element = getElementTypeOrSelf(stage.other);
  Value start = b.at(frame.argument(stage.other), b.mul(b.widen(at.row), region.outputs() * bytesOf(element)));
  return loadOutputs(element, start, at);
}

PairValues LinearEpilogue::loadOutputs(Type element, Value rowPointer, const OperandPlace &at) {
  Value feature = b.add(b.mul(at.tile, 16), at.pair);
  PairValues values;
  values.first = loadOutputs(element, rowPointer, feature, at.pairs);
  if (at.paired)
    values.second = loadOutputs(element, rowPointer, b.add(feature, 8), at.pairs);
  return values;
}

void LinearEpilogue::loadIfMissing(const EpilogueStage &stage, const OperandPlace &at, EpilogueOperands &operands) {
  if (operands.of(stage).first.empty()) {
    OpLocation location(b, opOf(stage));
    operands.of(stage) = std::visit([&](const auto &kind) { return loadStage(kind, at); }, stage);
  }
}

EpilogueOperands LinearEpilogue::noOperands() {
  EpilogueOperands operands;
  Value zero = b.f32(0.0f);
  for (const LinearSection &section : region.sections)
    for (const EpilogueStage &stage : section.stages)
      if (std::visit([](const auto &kind) { return kind.kReadsOperand; }, stage))
        operands.of(stage) = {{zero}, {zero}};
  return operands;
}

PairValues LinearEpilogue::loadStage(const LogProbStage &stage, const OperandPlace &at) {
  Value targets = frame.argument(LogProbOp(stage.op).getTargets());
  return {{b.loadI32(b.at(targets, b.mul(b.widen(at.row), 4)))}, {}};
}

PairValues LinearEpilogue::logits(Value tile, const EpilogueValues &values) {
  return finish({region.sections.front(), tile, tile}, values);
}

Value LinearEpilogue::target(const EpilogueValues &values) {
  EpilogueOperands operands = values.operands;
  for (const EpilogueStage &stage : region.sections.front().stages)
    if (std::holds_alternative<LogProbStage>(stage))
      return operands.of(stage).first.front();
  llvm_unreachable("the kernel has targets");
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
  const auto *stage = region.find<AppendStage>();
  if (!stage)
    return {};
  KVAppendOp append = stage->op;
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
  if (!region.has<AppendStage>())
    return {};
  const auto *first =
      llvm::find_if(region.sections, [](const LinearSection &section) { return section.has<AppendStage>(); });
  return cacheRow(row, b.both(valid, b.compare(arith::CmpIPredicate::sge, tile, first->firstRow / 16)));
}

EpilogueOperands LinearEpilogue::load(Value tile, Value pair, int64_t pairs, Value row, Value valid, bool paired,
                                      Value cacheRow) {
  EpilogueOperands operands;
  OperandPlace at{tile, pair, pairs, valid ? b.select(valid, row, b.i32(0)) : row, paired};
  for (const LinearSection &section : region.sections)
    for (const EpilogueStage &stage : section.stages)
      loadIfMissing(stage, at, operands);
  operands.cacheRow = cacheRow ? cacheRow : this->cacheRow(row, valid);
  return operands;
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

void LinearEpilogue::addTo(PairValues &sums, const PairValues &others) {
  for (auto [sum, other] : llvm::zip(sums.first, others.first))
    sum = b.addf(sum, other);
  for (auto [sum, other] : llvm::zip(sums.second, others.second))
    sum = b.addf(sum, other);
}

void LinearEpilogue::apply(const RotateStage &, const PairValues &turns, PairValues &sums) {
  for (auto [first, second, cosine, sine] : llvm::zip_equal(sums.first, sums.second, turns.first, turns.second))
    std::tie(first, second) = b.rotatePair(first, second, cosine, sine);
}

void LinearEpilogue::apply(const GateStage &stage, const PairValues &, PairValues &sums) {
  for (auto [gate, up] : llvm::zip_equal(sums.first, sums.second))
    gate = b.mulf(activate(b, GateOp(stage.op).getActivation(), gate), up);
  sums.second.clear();
}

PairValues LinearEpilogue::finish(const SectionTile &at, const EpilogueValues &values) {
  EpilogueOperands operands = values.operands;
  OperandPlace place{at.tile, values.pair, static_cast<int64_t>(values.first.size()), values.row,
                     !values.second.empty()};
  for (const EpilogueStage &stage : llvm::reverse(at.section.stages))
    loadIfMissing(stage, place, operands);
  PairValues sums;
  sums.first.append(values.first);
  sums.second.append(values.second);
  for (const EpilogueStage &stage : at.section.stages) {
    OpLocation location(b, opOf(stage));
    std::visit([&](const auto &kind) { apply(kind, operands.of(stage), sums); }, stage);
  }
  return sums;
}

void LinearEpilogue::storePairs(Type element, Value head, Value pair, RotaryLayout layout, const PairValues &values) {
  if (layout == RotaryLayout::Interleaved) {
    Values interleaved;
    for (auto [first, second] : llvm::zip_equal(values.first, values.second)) {
      interleaved.push_back(first);
      interleaved.push_back(second);
    }
    b.storeRun(element, interleaved, b.at(head, b.mul(pair, 2 * bytesOf(element))));
    return;
  }
  Value start = b.at(head, b.mul(pair, bytesOf(element)));
  b.storeRun(element, values.first, start);
  b.storeRun(element, values.second, b.at(start, region.headDim() / 2 * bytesOf(element)));
}

void LinearEpilogue::storeFeatures(Type element, Value row, Value feature, ArrayRef<Value> values) {
  int64_t outputs = region.outputs(), count = values.size();
  auto storePart = [&](int64_t begin, int64_t length) {
    Value start = b.add(feature, begin);
    Value exists = outputs % 16 ? b.compare(arith::CmpIPredicate::slt, start, outputs) : Value();
    ifValid(exists, [&] {
      b.storeRun(element, values.slice(begin, length), b.at(row, b.mul(b.widen(start), bytesOf(element))));
    });
  };
  // If the length of runs divides the row, every run is aligned and ends at or before the last feature.
  if (outputs % count == 0)
    return storePart(0, count);
  for (int64_t i = 0; i < count; ++i)
    storePart(i, 1);
}

void LinearEpilogue::append(const SectionTile &at, const AppendStage &stage, ArrayRef<EpilogueValues> values) {
  CacheAddress cache(b, frame, KVAppendOp(stage.op).getKv());
  Type element = cache.type.getElementType();
  Value pool = b.at(stage.isKeys ? cache.keys : cache.values,
                    b.mul(b.widen(b.div(at.tileInSection, headTiles())), cache.headBytes()));
  Value tileInHead = b.rem(at.tileInSection, headTiles());
  for (const EpilogueValues &value : values) {
    Value offset = value.operands.cacheRow ? value.operands.cacheRow : cacheRow(value.row, value.valid);
    b.ifThen(b.compare(arith::CmpIPredicate::sge, offset, 0), [&] {
      Value head = b.at(pool, offset);
      if (const auto *rotate = at.section.find<RotateStage>()) {
        Value pair = b.add(b.mul(tileInHead, 8), value.pair);
        return storePairs(element, head, pair, RotateOp(rotate->op).getLayout(), finish(at, value));
      }
      PairValues sums = finish(at, value);
      Value start = b.at(head, b.mul(b.add(b.mul(tileInHead, 16), value.pair), bytesOf(element)));
      b.storeRun(element, sums.first, start);
      b.storeRun(element, sums.second, b.at(start, 8 * bytesOf(element)));
    });
  }
}

Value LinearEpilogue::resultRow(Value row) {
  auto type = cast<RankedTensorType>(region.kernel.getResultTypes()[0]);
  return b.at(frame.result(0), b.mul(b.widen(row), type.getDimSize(1) * bytesOf(type.getElementType())));
}

void LinearEpilogue::storeHeads(const SectionTile &at, const RotateStage &stage, ArrayRef<EpilogueValues> values) {
  Type element = getElementTypeOrSelf(region.kernel.getResultTypes()[0]);
  Value headOffset = b.mul(b.div(at.tileInSection, headTiles()), region.headDim() * bytesOf(element));
  Value firstPair = b.mul(b.rem(at.tileInSection, headTiles()), 8);
  for (const EpilogueValues &value : values)
    ifValid(value.valid, [&] {
      Value head = b.at(resultRow(value.row), headOffset), pair = b.add(firstPair, value.pair);
      storePairs(element, head, pair, RotateOp(stage.op).getLayout(), finish(at, value));
    });
}

void LinearEpilogue::storeGated(const SectionTile &at, ArrayRef<EpilogueValues> values) {
  Type element = getElementTypeOrSelf(region.kernel.getResultTypes()[0]);
  // For all rows before the first branch, so that the latency of one row's exponentials hides the next one's.
  SmallVector<PairValues, 0> products;
  for (const EpilogueValues &value : values)
    products.push_back(finish(at, value));
  for (auto [value, product] : llvm::zip_equal(values, products))
    ifValid(value.valid, [&] {
      Value row = resultRow(value.row), feature = b.add(b.mul(at.tile, 8), value.pair);
      b.storeRun(element, product.first, b.at(row, b.mul(feature, bytesOf(element))));
    });
}

void LinearEpilogue::storePlain(const SectionTile &at, ArrayRef<EpilogueValues> values) {
  Type element = getElementTypeOrSelf(region.kernel.getResultTypes()[0]);
  for (const EpilogueValues &value : values)
    ifValid(value.valid, [&] {
      PairValues sums = finish(at, value);
      Value row = resultRow(value.row), feature = b.add(b.mul(at.tile, 16), value.pair);
      storeFeatures(element, row, feature, sums.first);
      if (!sums.second.empty())
        storeFeatures(element, row, b.add(feature, 8), sums.second);
    });
}

void LinearEpilogue::storeSection(const SectionTile &at, ArrayRef<EpilogueValues> values) {
  if (const auto *stage = at.section.find<AppendStage>())
    append(at, *stage, values);
  else if (const auto *stage = at.section.find<RotateStage>())
    storeHeads(at, *stage, values);
  else if (at.section.has<GateStage>())
    storeGated(at, values);
  else
    storePlain(at, values);
}

void LinearEpilogue::storeSections(size_t index, Value tile, ArrayRef<EpilogueValues> values) {
  const LinearSection &section = region.sections[index];
  // Values are stored by the last stage that is an op.
  OpLocation location(b, nullptr);
  for (const EpilogueStage &stage : section.stages)
    location.enter(opOf(stage));
  auto storeThis = [&] {
    storeSection({section, tile, section.firstRow ? b.sub(tile, section.firstRow / 16) : tile}, values);
    return CudaBuilder::Values();
  };
  if (index + 1 == region.sections.size()) {
    storeThis();
    return;
  }
  Value isHere = b.compare(arith::CmpIPredicate::slt, tile, region.sections[index + 1].firstRow / 16);
  b.ifElse(isHere, storeThis, [&] {
    storeSections(index + 1, tile, values);
    return CudaBuilder::Values();
  });
}

void LinearEpilogue::store(Value tile, ArrayRef<EpilogueValues> values) {
  // A block may have more tiles than the weight.
  b.ifThen(b.compare(arith::CmpIPredicate::slt, tile, countTiles(region)), [&] { storeSections(0, tile, values); });
}

} // namespace quipu::codegen::cuda
