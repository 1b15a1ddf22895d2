//===- AmxProduct.cpp - Products of tiles of a weight ------------------------===//

#include "codegen/cpu/AmxProduct.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

/// Bytes of a row of sums, one for each lane.
static constexpr int64_t kSumBytes = AmxTiles::kRowBytes;

AmxProduct::AmxProduct(KernelBuilder &b, const LinearRegion &region, CpuLinearScheduleAttr schedule,
                       const Section &section, Value scratch)
    : b(b), tiles(b), schedule(schedule), section(section), scratch(scratch), weightType(region.weightType()),
      stored(b, weightType), inputs(region.inputs()), run(section.run), runs(section.hasSecond ? 2 : 1),
      depth(kBf16InTile), depthBytes(AmxTiles::kRowBytes), at(places(region, schedule)) {
  if (region.quantize()) {
    dots.emplace(b, integerFormOf(region, schedule.getDot()));
    depth = dots->part();
    depthBytes = depth * dots->integerBytes();
  }
}

AmxProduct::Places AmxProduct::places(const LinearRegion &region, CpuLinearScheduleAttr schedule) {
  int64_t rows = 2 * schedule.getRun();
  Places result;
  result.sums = AmxTiles::kConfigBytes;
  result.products = result.sums + schedule.getVectors() * rows * kSumBytes;
  if (!region.quantize()) {
    result.scaleRowBytes = 0;
    result.weights = result.products;
    result.scales = result.minima = result.end = result.weights + rows * region.inputs() * 2;
    return result;
  }
  IntegerForm form = integerFormOf(region, schedule.getDot());
  result.weights = result.products + 2 * kPartsTogether * schedule.getRun() * kSumBytes;
  result.scales = result.weights + llvm::alignTo(rows * region.inputs(), 64);
  result.scaleRowBytes = llvm::alignTo(region.inputs() / form.part() * 4, 64);
  result.minima = result.scales + rows * result.scaleRowBytes;
  result.end = result.minima + (form.hasMinimum() ? rows * result.scaleRowBytes : 0);
  return result;
}

int64_t AmxProduct::scratchBytes(const LinearRegion &region, CpuLinearScheduleAttr schedule) {
  return places(region, schedule).end;
}

void AmxProduct::configure() const {
  AmxTiles::Shape sums{run, kSumBytes}, weights{run, depthBytes}, words{depthBytes / 4, AmxTiles::kRowBytes};
  if (dots)
    tiles.configure({sums, sums, weights, weights, words, words}, scratch);
  else
    tiles.configure({sums, sums, sums, sums, weights, weights, words, words}, scratch);
}

//===----------------------------------------------------------------------===//
// The weight
//===----------------------------------------------------------------------===//

Value AmxProduct::operandAt(Value feature, int64_t number, Value row) const {
  Value operand = b.add(b.mul(b.div(feature, depth), runs), number);
  return b.at(scratch, b.add(b.add(b.mul(operand, run * depthBytes), b.mul(row, depthBytes)), at.weights));
}

/// `row` counts the rows of both runs.
Value AmxProduct::scaleAt(int64_t base, Value row, Value feature) const {
  return b.at(scratch, b.add(b.add(b.mul(row, at.scaleRowBytes), b.mul(b.div(feature, depth), 4)), base));
}

void AmxProduct::decode(ArrayRef<Value> weightRows) const {
  int64_t rowBytes = section.rowStride * stored.rowBytes();
  for (int64_t number = 0; number < runs; ++number)
    b.loop(b.i64(0), b.i64(run), 1, [&](Value row) {
      Value from = b.at(weightRows[number * run], b.mul(row, rowBytes));
      if (dots)
        decodeBlocks(from, number, row);
      else
        decodeNumbers(from, number, row);
    });
}

void AmxProduct::decodeNumbers(Value from, int64_t number, Value row) const {
  b.loop(b.i64(0), b.i64(inputs), depth, [&](Value k) {
    b.store(stored.run(from, k).numbers(0, depth), operandAt(k, number, row), AmxTiles::kRowBytes);
  });
}

void AmxProduct::decodeBlocks(Value from, int64_t number, Value row) const {
  int64_t block = stored.blockElements();
  Value rowOfBoth = b.add(row, number * run);
  b.loop(b.i64(0), b.i64(inputs), block, [&](Value k) {
    WeightOperand::Run values = stored.run(from, k);
    for (int64_t i = 0; i < block; i += depth)
      b.store(dots->prepare(values.integers(i, depth)), operandAt(b.add(k, i), number, row), depthBytes);
    b.store(dots->ofParts(values.allScales(), block), scaleAt(at.scales, rowOfBoth, k), 4);
    if (dots->hasMinimum())
      b.store(dots->ofParts(values.allMinima(), block), scaleAt(at.minima, rowOfBoth, k), 4);
  });
}

void AmxProduct::decode(ArrayRef<LinearTiles::RowGroup> groups) const {
  int64_t row = 0;
  for (const LinearTiles::RowGroup &group : groups) {
    decodeGroup(group, row);
    row += group.count;
  }
}

/// Runs of pairs of neighbouring features have every other row of a group.
std::pair<int64_t, int64_t> AmxProduct::placeInRuns(int64_t row) const {
  return section.rowStride == 2 ? std::pair(row % 2, row / 2) : std::pair(row / run, row % run);
}

Value AmxProduct::groupScalesAt(int64_t base, int64_t row, Value feature) const {
  return b.at(scratch, b.add(b.mul(b.div(feature, depth), 2 * run * 4), base + row * 4));
}

Value AmxProduct::scaleOf(int64_t base, int64_t number, int64_t row, Value feature) const {
  if (interleaveOf(weightType) == 1)
    return scaleAt(base, b.i64(number * run + row), feature);
  return groupScalesAt(base, section.rowStride == 2 ? 2 * row + number : number * run + row, feature);
}

void AmxProduct::decodeGroup(const LinearTiles::RowGroup &group, int64_t firstRow) const {
  InterleavedWeight weight(b, weightType);
  int64_t block = weight.blockElements(), words = depth / kWordBytes;
  auto wordsOfRows = b.vectorOf(b.getI32Type(), group.count);
  b.loop(b.i64(0), b.i64(inputs), block, [&](Value k) {
    InterleavedWeight::Block from = weight.block(group.start, group.first, k, group.count);
    for (int64_t i = 0; i < block; i += depth) {
      Value feature = b.add(k, i);
      KernelBuilder::Values vectors;
      for (int64_t word = 0; word < words; ++word)
        vectors.push_back(vector::BitCastOp::create(b, wordsOfRows, dots->prepare(from.words(i + word * kWordBytes))));
      for (int64_t first = 0; first < group.count; first += words) {
        KernelBuilder::Values square;
        for (Value vector : vectors)
          square.push_back(vector::ExtractStridedSliceOp::create(b, vector, first, words, 1));
        for (auto [j, values] : llvm::enumerate(b.transpose(square))) {
          auto [number, row] = placeInRuns(firstRow + first + static_cast<int64_t>(j));
          b.store(values, operandAt(feature, number, b.i64(row)), depthBytes);
        }
      }
      b.store(from.scales(i), groupScalesAt(at.scales, firstRow, feature), 4);
      if (dots->hasMinimum())
        b.store(from.minima(i), groupScalesAt(at.minima, firstRow, feature), 4);
    }
  });
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

Value AmxProduct::sumsAt(Value vector, Value row) const {
  return b.at(scratch, b.add(b.mul(b.add(b.mul(vector, runs * run), row), kSumBytes), at.sums));
}

KernelBuilder::Values AmxProduct::sums(Value vector, int64_t number, Value first, int64_t count) const {
  Value start = sumsAt(vector, b.add(first, number * run));
  KernelBuilder::Values values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(b.load(b.vectorOf(b.getF32Type(), schedule.getLanes()), b.at(start, i * kSumBytes), kSumBytes));
  return values;
}

void AmxProduct::multiply(ArrayRef<Value> inputTiles) const {
  auto vectors = static_cast<int64_t>(inputTiles.size());
  constexpr int64_t kWeights = 4, kInputs = 6;
  for (int64_t sum = 0; sum < runs * vectors; ++sum)
    tiles.zero(sum);
  b.loop(b.i64(0), b.i64(inputs), depth, [&](Value k) {
    for (int64_t v = 0; v < vectors; ++v)
      tiles.load(kInputs + v, b.at(inputTiles[v], b.mul(k, 2 * schedule.getLanes())), AmxTiles::kRowBytes);
    for (int64_t number = 0; number < runs; ++number) {
      tiles.load(kWeights + number, operandAt(k, number, b.i64(0)), depthBytes);
      for (int64_t v = 0; v < vectors; ++v)
        tiles.multiply(schedule.getDot(), number * vectors + v, kWeights + number, kInputs + v);
    }
  });
  for (int64_t number = 0; number < runs; ++number)
    for (int64_t v = 0; v < vectors; ++v)
      tiles.store(number * vectors + v, sumsAt(b.i64(v), b.i64(number * run)), kSumBytes);
}

//===----------------------------------------------------------------------===//
// Sums of integers
//===----------------------------------------------------------------------===//

void AmxProduct::multiply(const QuantizedTile &tile) const {
  for (int64_t number = 0; number < runs; ++number)
    multiplyRun(tile, number);
}

Value AmxProduct::productsAt(Value number) const {
  return b.at(scratch, b.add(b.mul(b.rem(number, 2), kPartsTogether * run * kSumBytes), at.products));
}

void AmxProduct::multiplyRun(const QuantizedTile &tile, int64_t number) const {
  int64_t parts = inputs / depth, steps = parts / kPartsTogether, step = kPartsTogether * depth;
  KernelBuilder::Values sums(run, b.splat(0.0f, schedule.getLanes()));
  if (steps) {
    multiplyParts(tile, number, b.i64(0), kPartsTogether, productsAt(b.i64(0)));
    sums = b.loop(b.i64(1), b.i64(steps), 1, sums, [&](Value i, ValueRange carried) {
      multiplyParts(tile, number, b.mul(i, step), kPartsTogether, productsAt(i));
      Value before = b.sub(i, 1);
      return addParts(tile, number, b.mul(before, step), kPartsTogether, productsAt(before), carried);
    });
    sums = addParts(tile, number, b.i64((steps - 1) * step), kPartsTogether, productsAt(b.i64(steps - 1)), sums);
  }
  if (parts % kPartsTogether) {
    Value last = b.i64(steps * step), products = productsAt(b.i64(steps));
    multiplyParts(tile, number, last, 1, products);
    sums = addParts(tile, number, last, 1, products, sums);
  }
  Value target = sumsAt(b.i64(0), b.i64(number * run));
  for (auto [row, sum] : llvm::enumerate(sums))
    b.store(sum, b.at(target, static_cast<int64_t>(row) * kSumBytes), kSumBytes);
}

/// Leaves the sums of each of the parts from `feature` on at `products`.
void AmxProduct::multiplyParts(const QuantizedTile &tile, int64_t number, Value feature, int64_t parts,
                               Value products) const {
  constexpr int64_t kWeights = 2, kInputs = 4;
  for (int64_t part = 0; part < parts; ++part) {
    Value k = b.add(feature, part * depth);
    tiles.zero(part);
    tiles.load(kWeights + part, operandAt(k, number, b.i64(0)), depthBytes);
    tiles.load(kInputs + part, tile.wordsAt(k), AmxTiles::kRowBytes);
    tiles.multiply(schedule.getDot(), part, kWeights + part, kInputs + part);
  }
  for (int64_t part = 0; part < parts; ++part)
    tiles.store(part, b.at(products, part * run * kSumBytes), kSumBytes);
}

KernelBuilder::Values AmxProduct::addParts(const QuantizedTile &tile, int64_t number, Value feature, int64_t parts,
                                           Value products, ValueRange carried) const {
  KernelBuilder::Values sums(carried.begin(), carried.end()), together(sums.size());
  int64_t lanes = schedule.getLanes();
  auto shared = [&](int64_t base, size_t row, Value k) {
    return b.splat(b.load(b.getF32Type(), scaleOf(base, number, static_cast<int64_t>(row), k), 4), lanes);
  };
  for (int64_t part = 0; part < parts; ++part) {
    Value k = b.add(feature, part * depth), inputScale = tile.scale(k);
    int64_t inTogether = part % dots->partsTogether();
    for (auto [row, sum] : llvm::enumerate(sums)) {
      int64_t place = (part * run + static_cast<int64_t>(row)) * kSumBytes;
      dots->addScaled(b.loadI32(b.at(products, place), lanes), shared(at.scales, row, k), inputScale, inTogether,
                      together[row], sum);
    }
    if (!dots->hasMinimum() || inTogether + 1 < dots->partsTogether())
      continue;
    for (int64_t other = part - inTogether; other <= part; ++other) {
      Value of = b.add(feature, other * depth), inputSum = tile.sum(of);
      for (auto [row, sum] : llvm::enumerate(sums))
        sum = b.fma(shared(at.minima, row, of), inputSum, sum);
    }
  }
  return sums;
}

} // namespace quipu::codegen::cpu
