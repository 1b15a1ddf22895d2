//===- QuantizedInput.cpp - Rows of integers and scales ----------------------===//

#include "codegen/cpu/QuantizedInput.h"

#include "codegen/common/Arguments.h"
#include "ir/Llama/WeightTypes.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

IntegerForm integerFormOf(const LinearRegion &region, DotKind dot) {
  return {dot, *weightFormatOf(region.weightType().getElementType())->block};
}

static int64_t blockOf(const LinearRegion &region) { return static_cast<int64_t>(region.quantize().getBlock()); }

/// The scale of values whose largest magnitude is `magnitude`, and what values are multiplied by to become integers.
/// Scalars or vectors.
static std::pair<Value, Value> scalesFor(KernelBuilder &b, Value magnitude) {
  Value limit = b.constantLike(magnitude, kLargestInput), zero = b.constantLike(magnitude, 0);
  Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, magnitude, zero);
  return {b.divf(magnitude, limit), b.select(isZero, zero, b.divf(limit, magnitude))};
}

/// f32 rounded to i32, ties to even.
static Value toIntegers(KernelBuilder &b, Value value) {
  Type type = b.getI32Type();
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = b.vectorOf(type, vector.getNumElements());
  return arith::FPToSIOp::create(b, type, math::RoundEvenOp::create(b, value));
}

/// Numbers of i32, scalars or vectors, whose lower halves hold `low`, and whose upper halves hold `high`.
static Value inHalves(KernelBuilder &b, Value low, Value high) {
  bool isVector = isa<VectorType>(low.getType());
  auto constant = [&](int64_t value) { return isVector ? b.splat(b.i32(value), lanesOf(low)) : b.i32(value); };
  low = arith::AndIOp::create(b, low, constant(0xffff));
  return arith::OrIOp::create(b, low, arith::ShLIOp::create(b, high, constant(16)));
}

//===----------------------------------------------------------------------===//
// Many rows
//===----------------------------------------------------------------------===//

SmallVector<Type> quantizedWorkspaces(const LinearRegion &region, DotKind dot, int64_t lanes) {
  KernelOp kernel = region.kernel;
  Builder b(kernel.getContext());
  IntegerForm dots = integerFormOf(region, dot);
  auto layout = TokenLanesAttr::get(kernel.getContext(), lanes, 1);
  auto input = cast<RankedTensorType>(region.exactInputType());
  int64_t inputs = region.inputs();
  auto rowsOf = [&](int64_t width, Type element) -> Type {
    return RankedTensorType::get({input.getDimSize(0), width}, element, layout);
  };
  SmallVector<Type> types = {rowsOf(inputs / dots.perWord(), b.getI32Type()),
                             rowsOf(inputs / blockOf(region), b.getF32Type())};
  if (dots.offset())
    types.push_back(rowsOf(inputs / dots.part(), b.getI32Type()));
  if (dots.hasMinimum())
    types.push_back(rowsOf(inputs / dots.part(), b.getF32Type()));
  return types;
}

QuantizedTile::QuantizedTile(KernelBuilder &b, const LinearRegion &region, DotKind dot, int64_t lanes,
                             const KernelFrame &frame, Value rowTile)
    : b(b), dots(b, integerFormOf(region, dot)), lanes(lanes), block(blockOf(region)),
      hasCorrections(dots.offset() != 0) {
  for (auto [number, type] : llvm::enumerate(quantizedWorkspaces(region, dot, lanes)))
    bases.push_back(b.at(frame.workspace(number), b.mul(rowTile, ActivationLayout(type).strideBytes())));
}

/// Address of the vector number `index` of a workspace.
Value QuantizedTile::address(unsigned workspace, Value index) const {
  return b.at(bases[workspace], b.mul(index, lanes * 4));
}

Value QuantizedTile::words(Value feature) const {
  return b.load(b.vectorOf(dots.element(), lanes * dots.perWord()), wordsAt(feature), 4);
}

Value QuantizedTile::scale(Value feature) const {
  return b.load(b.vectorOf(b.getF32Type(), lanes), address(1, b.div(feature, block)), 4);
}

Value QuantizedTile::correction(Value feature) const {
  if (!hasCorrections)
    return b.splat(b.i32(0), lanes);
  return b.loadI32(address(2, b.div(feature, dots.part())), lanes);
}

Value QuantizedTile::sum(Value feature) const {
  return b.load(b.vectorOf(b.getF32Type(), lanes), address(hasCorrections ? 3 : 2, b.div(feature, dots.part())), 4);
}

void QuantizedTile::store(Value feature, ArrayRef<Value> values) const {
  Value magnitude = b.splat(0.0f, lanes);
  for (Value value : values)
    magnitude = b.maxf(magnitude, math::AbsFOp::create(b, value));
  auto [scale, inverse] = scalesFor(b, magnitude);
  b.store(scale, address(1, b.div(feature, block)), 4);

  int64_t perWord = dots.perWord(), part = dots.part(), bits = 8 * dots.integerBytes();
  Value mask = b.splat(b.i32((int64_t(1) << bits) - 1), lanes);
  for (int64_t first = 0; first < static_cast<int64_t>(values.size()); first += part) {
    // Of the first two integers of each word, and of the others.
    std::array<Value, 2> totals;
    totals.fill(b.splat(b.i32(0), lanes));
    for (int64_t i = first; i < first + part; i += perWord) {
      Value word;
      for (int64_t j = 0; j < perWord; ++j) {
        Value integer = toIntegers(b, b.mulf(values[static_cast<size_t>(i + j)], inverse));
        Value &total = totals[static_cast<size_t>(j / 2)];
        total = b.add(total, integer);
        // The highest integer needs no mask, since nothing lies above it.
        Value bitsOfIt = j + 1 < perWord ? arith::AndIOp::create(b, integer, mask).getResult() : integer;
        if (j)
          bitsOfIt = arith::ShLIOp::create(b, bitsOfIt, b.splat(b.i32(j * bits), lanes));
        word = word ? arith::OrIOp::create(b, word, bitsOfIt).getResult() : bitsOfIt;
      }
      b.store(word, address(0, b.add(b.div(feature, perWord), i / perWord)), 4);
    }
    Value number = b.add(b.div(feature, part), first / part);
    Value total = b.add(totals[0], totals[1]);
    if (hasCorrections) {
      Value factor = b.splat(b.i32(-dots.offset()), lanes);
      Value correction =
          dots.addsPairs() ? inHalves(b, b.mul(totals[0], factor), b.mul(totals[1], factor)) : b.mul(total, factor);
      b.store(correction, address(2, number), 4);
    }
    if (dots.hasMinimum()) {
      Value real = arith::SIToFPOp::create(b, b.vectorOf(b.getF32Type(), lanes), total);
      b.store(b.mulf(real, scale), address(hasCorrections ? 3 : 2, number), 4);
    }
  }
}

//===----------------------------------------------------------------------===//
// Few rows
//===----------------------------------------------------------------------===//

int64_t QuantizedRows::sumLanes(const LinearRegion &region, CpuLinearScheduleAttr schedule) {
  constexpr int64_t kNarrow = 8, kWide = 16;
  int64_t blockElements = weightFormatOf(region.weightType().getElementType())->blockElements;
  bool fillsWide = blockElements % (kWide * integerFormOf(region, schedule.getDot()).perWord()) == 0;
  return schedule.getDot() == DotKind::Int8 && schedule.getLanes() == kWide && fillsWide ? kWide : kNarrow;
}

QuantizedRows::QuantizedRows(KernelBuilder &b, const LinearRegion &region, CpuLinearScheduleAttr schedule,
                             bool hasWeightRows)
    : b(b), dots(b, integerFormOf(region, schedule.getDot())), hasWeightRows(hasWeightRows), inputs(region.inputs()),
      block(blockOf(region)), lanes(sumLanes(region, schedule)) {
  scalesAt = llvm::alignTo(inputs * dots.integerBytes(), 64);
  firstCorrection = llvm::alignTo(scalesAt + inputs / block * 4, 64);
  sumsAt = firstCorrection + (hasCorrections() ? inputs / corrected() * correctionLanes() * 4 : 0);
  end = llvm::alignTo(sumsAt + (hasSums() ? inputs / dots.part() * 4 : 0), 64);
}

int64_t QuantizedRows::rowBytes() const { return end; }

Value QuantizedRows::integersAt(Value row, Value feature) const {
  return b.at(row, b.mul(feature, dots.integerBytes()));
}

Value QuantizedRows::correctionsAt(Value row, Value feature) const {
  return b.at(row, b.add(b.mul(b.div(feature, corrected()), correctionLanes() * 4), firstCorrection));
}

/// Sums of products of two vectors of together() integers on top of `start`.
Value QuantizedRows::multiplyParts(Value start, Value weights, Value integers) const {
  int64_t count = lanes * dots.perWord();
  for (int64_t first = 0; first < together(); first += count) {
    auto take = [&](Value vector) -> Value {
      if (count == together())
        return vector;
      return vector::ExtractStridedSliceOp::create(b, vector, first, count, 1);
    };
    start = dots.multiply(start, take(weights), take(integers));
  }
  return start;
}

Value QuantizedRows::multiply(Value weights, Value row, Value feature) const {
  Value start = b.splat(b.i32(0), lanes);
  if (hasCorrections())
    start = correctionLanes() == 1 ? b.inFirstLane(b.loadI32(correctionsAt(row, feature)), lanes)
                                   : b.loadI32(correctionsAt(row, feature), lanes);
  Value integers = b.load(b.vectorOf(dots.element(), together()), integersAt(row, feature), 1);
  return multiplyParts(start, dots.prepare(weights), integers);
}

Value QuantizedRows::scales(Value row, Value feature, int64_t count) const {
  int64_t part = dots.part(), blocks = std::max<int64_t>(count * part / block, 1);
  Value start = numberAt(row, feature, 0, block, scalesAt);
  return b.spread(b.load(b.vectorOf(b.getF32Type(), blocks), start, 4), count);
}

Value QuantizedRows::sums(Value row, Value feature, int64_t count) const {
  return b.load(b.vectorOf(b.getF32Type(), count), numberAt(row, feature, 0, dots.part(), sumsAt), 4);
}

Value QuantizedRows::wordAt(Value row, Value feature, int64_t behind) const {
  return b.loadI32(b.at(integersAt(row, feature), behind * dots.integerBytes()));
}

/// Address of the number that belongs to the feature `behind` features behind `feature`. Each `features` have one of 4
/// bytes, and the first of them lies at `first`. Where `features` is a power of two, numbers with one `feature` differ
/// by constants.
Value QuantizedRows::numberAt(Value row, Value feature, int64_t behind, int64_t features, int64_t first) const {
  if (!llvm::isPowerOf2_64(static_cast<uint64_t>(features)))
    return b.at(row, b.add(b.mul(b.div(b.add(feature, behind), features), 4), first));
  return b.at(b.at(row, b.mul(b.div(feature, features), 4)), behind / features * 4 + first);
}

Value QuantizedRows::scaleOfPart(Value row, Value feature, int64_t behind) const {
  return b.load(b.getF32Type(), numberAt(row, feature, behind, block, scalesAt), 4);
}

Value QuantizedRows::startOfPart(Value row, Value feature, int64_t behind) const {
  return hasCorrections() ? b.loadI32(numberAt(row, feature, behind, corrected(), firstCorrection)) : b.i32(0);
}

Value QuantizedRows::sumOfPart(Value row, Value feature, int64_t behind) const {
  return b.load(b.getF32Type(), numberAt(row, feature, behind, dots.part(), sumsAt), 4);
}

/// Where the sum of products of a part begins in all lanes. Lane i of `totals` has the sum of every integer j of the
/// part with i = j modulo the lanes, which are whole words.
Value QuantizedRows::correctionOfPart(Value totals) const {
  Value factor = b.i32(-dots.offset());
  auto times = [&](Value integers) {
    return b.mul(vector::ReductionOp::create(b, vector::CombiningKind::ADD, integers), factor);
  };
  if (!dots.addsPairs())
    return times(totals);
  SmallVector<bool> isFirst;
  for (int64_t lane = 0; lane < lanesOf(totals); ++lane)
    isFirst.push_back(lane % dots.perWord() < 2);
  auto mask = arith::ConstantOp::create(
      b, DenseElementsAttr::get(b.vectorOf(b.getI1Type(), lanesOf(totals)), ArrayRef<bool>(isFirst)));
  Value zero = b.splat(b.i32(0), lanesOf(totals));
  return inHalves(b, times(b.select(mask, totals, zero)), times(b.select(mask, zero, totals)));
}

void QuantizedRows::round(Type element, Value source, Value target, int64_t vectorLanes) const {
  int64_t width = std::min(vectorLanes, dots.part());
  b.loop(b.i64(0), b.i64(inputs), block, [&](Value first) {
    auto loadInput = [&](Value k) { return b.loadF32(element, b.at(source, b.mul(k, bytesOf(element))), width); };
    Value largest = b.splat(0.0f, width);
    for (int64_t i = 0; i < block; i += width)
      largest = b.maxf(largest, math::AbsFOp::create(b, loadInput(b.add(first, i))));
    auto [scale, inverse] = scalesFor(b, b.maxLanes(largest));
    b.store(scale, b.at(target, b.add(b.mul(b.div(first, block), 4), scalesAt)), 4);
    Value factor = b.splat(inverse, width);
    auto small = b.vectorOf(dots.element(), width);
    for (int64_t part = 0; part < block; part += dots.part()) {
      Value total = b.splat(b.i32(0), width);
      for (int64_t i = part; i < part + dots.part(); i += width) {
        Value k = b.add(first, i);
        Value integers = toIntegers(b, b.mulf(loadInput(k), factor));
        total = b.add(total, integers);
        b.store(arith::TruncIOp::create(b, small, integers), integersAt(target, k), 1);
      }
      if (hasSums()) {
        Value sum = vector::ReductionOp::create(b, vector::CombiningKind::ADD, total);
        Value real = arith::SIToFPOp::create(b, b.getF32Type(), sum);
        Value place = b.add(b.mul(b.div(b.add(first, part), dots.part()), 4), sumsAt);
        b.store(b.mulf(real, scale), b.at(target, place), 4);
      }
      if (hasWeightRows && hasCorrections())
        b.store(correctionOfPart(total), correctionsAt(target, b.add(first, part)), 4);
    }
  });
  if (!hasWeightRows && hasCorrections())
    storeCorrections(target);
}

/// Where the sums of products of neighbouring integers begin.
void QuantizedRows::storeCorrections(Value target) const {
  auto vector = b.vectorOf(dots.element(), together());
  Attribute offset = b.getIntegerAttr(dots.element(), dots.offset());
  Value factors = arith::ConstantOp::create(b, DenseElementsAttr::get(vector, offset));
  Value zero = b.splat(b.i32(0), lanes);
  b.loop(b.i64(0), b.i64(inputs), together(), [&](Value k) {
    Value sums = multiplyParts(zero, factors, b.load(vector, integersAt(target, k), 1));
    if (correctionLanes() == 1)
      b.store(b.sub(b.i32(0), vector::ReductionOp::create(b, vector::CombiningKind::ADD, sums)),
              correctionsAt(target, k), 4);
    else
      b.store(b.sub(zero, sums), correctionsAt(target, k), 4);
  });
}

} // namespace quipu::codegen::cpu
