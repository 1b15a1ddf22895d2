//===- IntegerPanel.cpp - Rows of a weight as integers -----------------------===//

#include "codegen/cpu/IntegerPanel.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

IntegerPanel::IntegerPanel(KernelBuilder &b, const LinearRegion &region, DotKind dot)
    : b(b), dots(b, integerFormOf(region, dot)), storedType(region.weightType()), stored(b, storedType),
      inputs(region.inputs()), at(places(region, dots)) {}

IntegerPanel::Places IntegerPanel::places(const LinearRegion &region, const IntegerForm &form) {
  int64_t parts = region.inputs() / form.part();
  Places result;
  result.scales = llvm::alignTo(region.inputs() * form.integerBytes(), 64);
  result.minima = result.scales + parts * 4;
  result.end = llvm::alignTo(result.minima + (form.hasMinimum() ? parts * 4 : 0), 64);
  return result;
}

int64_t IntegerPanel::rowBytes(const LinearRegion &region, DotKind dot) {
  return places(region, integerFormOf(region, dot)).end;
}

Value IntegerPanel::integerAt(const Row &row, Value feature, int64_t i) const {
  int64_t bytes = dots.integerBytes();
  Value start = b.at(row.start, b.mul(feature, row.together * bytes));
  if (row.together == 1)
    return b.at(start, i * bytes);
  int64_t words = i / kWordBytes * row.together + row.number;
  return b.at(start, (words * kWordBytes + i % kWordBytes) * bytes);
}

Value IntegerPanel::numberAt(const Row &row, int64_t base, Value feature) const {
  Value part = b.mul(b.div(feature, dots.part()), row.together * 4);
  return b.at(row.start, b.add(part, row.together * base + row.number * 4));
}

void IntegerPanel::decode(ArrayRef<Value> weightRows, int64_t lanes, Value scratch) {
  rows.clear();
  for (size_t i = 0; i < weightRows.size(); ++i)
    rows.push_back({b.at(scratch, static_cast<int64_t>(i) * at.end)});
  int64_t block = stored.blockElements(), width = widestVector(block, lanes * kWordBytes);
  b.loop(b.i64(0), b.i64(inputs), block, [&](Value k) {
    for (auto [from, to] : llvm::zip_equal(weightRows, rows)) {
      WeightOperand::Run run = stored.run(from, k);
      for (int64_t i = 0; i < block; i += width)
        b.store(dots.prepare(run.integers(i, width)), integerAt(to, k, i), 1);
      b.store(dots.ofParts(run.allScales(), block), numberAt(to, at.scales, k), 4);
      if (dots.hasMinimum())
        b.store(dots.ofParts(run.allMinima(), block), numberAt(to, at.minima, k), 4);
    }
  });
}

void IntegerPanel::decode(ArrayRef<LinearTiles::RowGroup> groups, bool alternating, Value scratch) {
  rows.clear();
  for (const LinearTiles::RowGroup &group : groups) {
    for (int64_t i = 0; i < group.count; ++i)
      rows.push_back({scratch, i, group.count});
    decodeGroup(group, scratch);
    scratch = b.at(scratch, group.count * at.end);
  }
  if (!alternating)
    return;
  SmallVector<Row> first, second;
  for (auto [i, row] : llvm::enumerate(rows))
    (i % 2 ? second : first).push_back(row);
  rows = llvm::to_vector(llvm::concat<Row>(first, second));
}

void IntegerPanel::decodeGroup(const LinearTiles::RowGroup &group, Value target) const {
  InterleavedWeight weight(b, storedType);
  int64_t block = weight.blockElements();
  Row first{target, 0, group.count};
  b.loop(b.i64(0), b.i64(inputs), block, [&](Value k) {
    InterleavedWeight::Block from = weight.block(group.start, group.first, k, group.count);
    for (int64_t i = 0; i < block; i += kWordBytes)
      b.store(dots.prepare(from.words(i)), integerAt(first, k, i), 1);
    for (int64_t i = 0; i < block; i += dots.part()) {
      b.store(from.scales(i), numberAt(first, at.scales, b.add(k, i)), 4);
      if (dots.hasMinimum())
        b.store(from.minima(i), numberAt(first, at.minima, b.add(k, i)), 4);
    }
  });
}

/// sums[row * tiles + t] += the products of `words` words from feature `first` on, as `multiply` adds those of one
/// word.
void IntegerPanel::addWords(ArrayRef<QuantizedTile> tiles, int64_t lanes, Value first, int64_t words,
                            KernelBuilder::Values &sums, Multiply multiply) const {
  size_t count = tiles.size();
  auto vector = b.vectorOf(dots.element(), lanes * dots.perWord());
  for (int64_t i = 0; i < words; ++i) {
    Value k = b.add(first, i * dots.perWord());
    SmallVector<Value> inputWords;
    for (const QuantizedTile &tile : tiles)
      inputWords.push_back(tile.words(k));
    for (size_t row = 0; row < rows.size(); ++row) {
      Value word = b.load(b.getI32Type(), integerAt(rows[row], first, i * dots.perWord()), 4);
      Value weights = vector::BitCastOp::create(b, vector, b.splat(word, lanes));
      for (size_t t = 0; t < count; ++t)
        sums[row * count + t] = multiply(sums[row * count + t], weights, inputWords[t]);
    }
  }
}

/// The products of the part at `feature`, as i32: element row * tiles + t.
KernelBuilder::Values IntegerPanel::productsOfPart(ArrayRef<QuantizedTile> tiles, int64_t lanes, Value feature) const {
  KernelBuilder::Values starts;
  for (size_t row = 0; row < rows.size(); ++row)
    for (const QuantizedTile &tile : tiles)
      starts.push_back(tile.correction(feature));
  int64_t words = dots.part() / dots.perWord();
  if (dots.addsPairs())
    return pairsOfPart(tiles, lanes, feature, words, starts);
  auto multiply = [&](Value sum, Value weights, Value x) { return dots.multiply(sum, weights, x); };
  if (!dots.addsInOneStep())
    return addInSteps(tiles, lanes, feature, words, starts, multiply);
  addWords(tiles, lanes, feature, words, starts, multiply);
  return starts;
}

/// The same in a loop of few words a step, which leaves the sums in registers.
KernelBuilder::Values IntegerPanel::addInSteps(ArrayRef<QuantizedTile> tiles, int64_t lanes, Value first, int64_t words,
                                               ArrayRef<Value> starts, Multiply multiply) const {
  int64_t step = widestVector(words, kWordsOfStep);
  return b.rolledLoop(words, step, starts, [&](Value word, ValueRange carried) {
    KernelBuilder::Values sums(carried.begin(), carried.end());
    addWords(tiles, lanes, b.add(first, b.mul(word, dots.perWord())), step, sums, multiply);
    return sums;
  });
}

/// The same where products are added in pairs: as many of them as i16 holds before they are widened.
KernelBuilder::Values IntegerPanel::pairsOfPart(ArrayRef<QuantizedTile> tiles, int64_t lanes, Value feature,
                                                int64_t words, ArrayRef<Value> starts) const {
  int64_t together = widestVector(words, dots.sumsOf16Bits());
  assert((together == words || !dots.offset()) && "one start takes the offset of all words back");
  auto shorts = b.vectorOf(b.getI16Type(), 2 * lanes);
  SmallVector<Value> startsOfPairs;
  for (Value start : starts)
    startsOfPairs.push_back(vector::BitCastOp::create(b, shorts, start));
  KernelBuilder::Values products;
  for (int64_t first = 0; first < words; first += together) {
    KernelBuilder::Values pairs =
        addInSteps(tiles, lanes, b.add(feature, first * dots.perWord()), together, startsOfPairs,
                   [&](Value sum, Value weights, Value x) { return b.add(sum, dots.multiplyPairs(weights, x)); });
    for (auto [i, sum] : llvm::enumerate(pairs)) {
      Value wide = dots.addNeighbours(sum);
      if (first)
        products[i] = b.add(products[i], wide);
      else
        products.push_back(wide);
    }
  }
  return products;
}

/// Adds the products of the parts that have one scale of the input to `sums`: of integers first, then times both
/// scales.
void IntegerPanel::addParts(ArrayRef<QuantizedTile> tiles, int64_t lanes, Value feature,
                            KernelBuilder::Values &sums) const {
  size_t count = tiles.size();
  SmallVector<Value> inputScales;
  for (const QuantizedTile &tile : tiles)
    inputScales.push_back(tile.scale(feature));
  KernelBuilder::Values together(sums.size());
  for (int64_t part = 0; part < dots.partsTogether(); ++part) {
    Value k = b.add(feature, part * dots.part());
    KernelBuilder::Values products = productsOfPart(tiles, lanes, k);
    for (size_t row = 0; row < rows.size(); ++row) {
      Value scale = b.splat(b.load(b.getF32Type(), numberAt(rows[row], at.scales, k), 4), lanes);
      for (size_t t = 0; t < count; ++t) {
        size_t i = row * count + t;
        dots.addScaled(products[i], scale, inputScales[t], part, together[i], sums[i]);
      }
    }
  }
  if (!dots.hasMinimum())
    return;
  for (int64_t i = 0; i < kIntegersTogether; i += dots.part())
    for (size_t row = 0; row < rows.size(); ++row) {
      Value k = b.add(feature, i);
      Value minimum = b.splat(b.load(b.getF32Type(), numberAt(rows[row], at.minima, k), 4), lanes);
      for (size_t t = 0; t < count; ++t)
        sums[row * count + t] = b.fma(minimum, tiles[t].sum(k), sums[row * count + t]);
    }
}

KernelBuilder::Values IntegerPanel::multiply(ArrayRef<QuantizedTile> tiles, int64_t lanes) const {
  SmallVector<Value> zero(rows.size() * tiles.size(), b.splat(0.0f, lanes));
  return b.loop(b.i64(0), b.i64(inputs), kIntegersTogether, zero, [&](Value k, ValueRange carried) {
    KernelBuilder::Values sums(carried.begin(), carried.end());
    addParts(tiles, lanes, k, sums);
    return sums;
  });
}

} // namespace quipu::codegen::cpu
