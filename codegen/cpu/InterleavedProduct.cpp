//===- InterleavedProduct.cpp - Interleaved rows times one row of integers ------===//

#include "codegen/cpu/InterleavedProduct.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

InterleavedProduct::InterleavedProduct(KernelBuilder &b, const LinearRegion &region, CpuLinearScheduleAttr schedule,
                                       const QuantizedRows &input)
    : b(b), dots(b, integerFormOf(region, schedule.getDot())), input(input), weight(b, region.weightType()),
      prefetch(schedule.getPrefetch()) {}

int64_t InterleavedProduct::stretch(int64_t groups) const {
  return std::max<int64_t>(kStretchBytes / (groups * weight.bytesOfBlocks()), 1) * weight.blockElements();
}

KernelBuilder::Values InterleavedProduct::add(ArrayRef<Value> sums, ArrayRef<Value> groups, Value x, Value first,
                                              int64_t count) const {
  return b.loop(first, b.add(first, count), weight.blockElements(), sums, [&](Value feature, ValueRange carried) {
    KernelBuilder::Values next(carried.begin(), carried.end());
    SmallVector<InterleavedWeight::Block> blocks;
    for (Value group : groups)
      blocks.push_back(weight.block(group, b.i64(0), feature, weight.rows()));
    for (int64_t i = 0; i < weight.blockElements(); i += dots.part())
      for (auto [block, sum] : llvm::zip_equal(blocks, next))
        sum = addPart(block, sum, x, feature, i);
    return next;
  });
}

/// Adds the products of the part that begins at integer `first` of a block. The block begins at `feature`.
Value InterleavedProduct::addPart(InterleavedWeight::Block &block, Value sums, Value x, Value feature,
                                  int64_t first) const {
  int64_t lanes = weight.rows();
  Value k = b.add(feature, first);
  if (prefetch)
    block.prefetch(prefetch, first, dots.part());
  Value products = arith::SIToFPOp::create(b, b.vectorOf(b.getF32Type(), lanes), productsOfPart(block, x, k, first));
  sums = b.fma(products, b.mulf(block.scales(first), b.splat(input.scaleOfPart(x, k), lanes)), sums);
  if (dots.hasMinimum())
    sums = b.fma(block.minima(first), b.splat(input.sumOfPart(x, k), lanes), sums);
  return sums;
}

/// The products of a part, as i32. It begins at integer `first` of the block, and at feature k of the input.
Value InterleavedProduct::productsOfPart(InterleavedWeight::Block &block, Value x, Value k, int64_t first) const {
  int64_t lanes = weight.rows(), perWord = dots.perWord(), part = dots.part();
  auto bytes = b.vectorOf(dots.element(), lanes * perWord);
  auto inputWord = [&](int64_t i) {
    return vector::BitCastOp::create(b, bytes, b.splat(input.wordAt(x, b.add(k, i)), lanes));
  };
  Value start = b.splat(input.startOfPart(x, k), lanes);
  if (!dots.addsPairs()) {
    for (int64_t i = 0; i < part; i += perWord)
      start = dots.multiply(start, dots.prepare(block.words(first + i)), inputWord(i));
    return start;
  }
  // As many words as lanes of i16 hold are added before they are widened.
  int64_t together = widestVector(part / perWord, dots.sumsOf16Bits()) * perWord;
  assert((together == part || !dots.offset()) && "one start takes the offset of all words back");
  auto shorts = b.vectorOf(b.getI16Type(), 2 * lanes);
  Value products;
  for (int64_t from = 0; from < part; from += together) {
    Value pairs = vector::BitCastOp::create(b, shorts, start);
    for (int64_t i = from; i < from + together; i += perWord)
      pairs = b.add(pairs, dots.multiplyPairs(dots.prepare(block.words(first + i)), inputWord(i)));
    Value wide = dots.addNeighbours(pairs);
    products = products ? b.add(products, wide) : wide;
  }
  return products;
}

} // namespace quipu::codegen::cpu
