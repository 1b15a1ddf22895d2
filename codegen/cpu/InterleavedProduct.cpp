//===- InterleavedProduct.cpp - Interleaved rows times one row of integers ------===//

#include "codegen/cpu/InterleavedProduct.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

InterleavedProduct::InterleavedProduct(KernelBuilder &b, const LinearRegion &region, CpuLinearScheduleAttr schedule,
                                       const QuantizedRows &input)
    : b(b), dots(b, integerFormOf(region, schedule.getDot())), input(input), weight(b, region.weightType()),
      groupBytes(region.inputs() / weight.blockElements() * weight.bytesOfBlocks()),
      prefetch(std::min(schedule.getPrefetch(), groupBytes)) {}

int64_t InterleavedProduct::stretch(int64_t groups) const {
  return std::max<int64_t>(kStretchBytes / (groups * weight.bytesOfBlocks()), 1) * weight.blockElements();
}

KernelBuilder::Values InterleavedProduct::add(ArrayRef<Value> sums, ArrayRef<Group> groups, Value x, Value first,
                                              int64_t count) const {
  return b.loop(first, b.add(first, count), weight.blockElements(), sums, [&](Value feature, ValueRange carried) {
    KernelBuilder::Values next(carried.begin(), carried.end());
    SmallVector<InterleavedWeight::Block> blocks;
    for (const Group &group : groups)
      blocks.push_back(weight.block(group.start, b.i64(0), feature, weight.rows()));
    for (int64_t i = 0; i < weight.blockElements(); i += dots.part())
      for (auto [group, block, sum] : llvm::zip_equal(groups, blocks, next)) {
        if (prefetch)
          prefetchAhead(group, feature, i);
        sum = addPart(block, sum, x, feature, i);
      }
    return next;
  });
}

/// Asks for what is read `prefetch` bytes behind the part that begins at integer `first` of the block with a feature.
/// Each part asks for its share, so requests are spread evenly over the work on a block. Behind the end of a group
/// comes the beginning of the next one, which seldom follows it in memory.
void InterleavedProduct::prefetchAhead(const Group &group, Value feature, int64_t first) const {
  // LLVM would move the requests of all parts of a large block to its beginning, where they fill the queue of misses.
  b.orderMemory();
  auto [begin, end] = weight.linesOfShare(first, dots.part());
  Value place = b.add(weight.offsetOfBlock(feature), prefetch + begin * kCacheLineBytes);
  auto isBehind = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, place, b.i64(groupBytes));
  Value ahead = b.at(b.select(isBehind, b.at(group.next, -groupBytes), group.start), place);
  for (int64_t line = 0; line < end - begin; ++line)
    b.prefetch(b.at(ahead, line * kCacheLineBytes));
}

void InterleavedProduct::prefetchStart(Value group) const {
  b.loop(b.i64(0), b.i64(prefetch), kCacheLineBytes, [&](Value offset) { b.prefetch(b.at(group, offset)); });
}

/// Adds the products of the part that begins at integer `first` of a block. The block begins at `feature`.
Value InterleavedProduct::addPart(InterleavedWeight::Block &block, Value sums, Value x, Value feature,
                                  int64_t first) const {
  int64_t lanes = weight.rows();
  Value k = b.add(feature, first);
  Value products = arith::SIToFPOp::create(b, b.vectorOf(b.getF32Type(), lanes), productsOfPart(block, x, k, first));
  sums = b.fma(products, b.mulf(block.scales(first), b.splat(input.scaleOfPart(x, k), lanes)), sums);
  if (dots.hasMinimum())
    sums = b.fma(block.minima(first), b.splat(input.sumOfPart(x, k), lanes), sums);
  return sums;
}

/// The products of a part, as i32. It begins at integer `first` of the block, and at feature k of the input.
Value InterleavedProduct::productsOfPart(InterleavedWeight::Block &block, Value x, Value k, int64_t first) const {
  int64_t lanes = weight.rows();
  auto bytes = b.vectorOf(dots.element(), lanes * dots.perWord());
  return dots.productsOfPart(b.splat(input.startOfPart(x, k), lanes), lanes, [&](int64_t i) {
    Value word = b.splat(input.wordAt(x, b.add(k, i)), lanes);
    return std::pair(dots.prepare(block.words(first + i)), vector::BitCastOp::create(b, bytes, word).getResult());
  });
}

} // namespace quipu::codegen::cpu
