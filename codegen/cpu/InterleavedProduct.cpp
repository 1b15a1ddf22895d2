//===- InterleavedProduct.cpp - Interleaved rows times one row of integers ------===//

#include "codegen/cpu/InterleavedProduct.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

InterleavedProduct::InterleavedProduct(KernelBuilder &b, const LinearRegion &region, CpuLinearScheduleAttr schedule,
                                       const QuantizedRows &input)
    : b(b), dots(b, integerFormOf(region, schedule.getDot())), input(input), weight(b, region.weightType()),
      groupBytes(region.inputs() / weight.blockElements() * weight.bytesOfBlocks()),
      prefetch(std::min(schedule.getPrefetch(), groupBytes)) {}

int64_t InterleavedProduct::stretch(int64_t groups) const {
  int64_t blocks = groupBytes / weight.bytesOfBlocks();
  int64_t most = std::max<int64_t>(kStretchBytes / (groups * weight.bytesOfBlocks()), 1);
  return llvm::divideCeil(blocks, llvm::divideCeil(blocks, most)) * weight.blockElements();
}

int64_t InterleavedProduct::scratchBytes(int64_t groups) const {
  if (!isReadInSteps())
    return 0;
  return groups * (dots.hasMinimum() ? 2 : 1) * weight.blockElements() / dots.part() * vectorBytes();
}

KernelBuilder::Values InterleavedProduct::add(ArrayRef<Value> sums, ArrayRef<Group> groups, Value x, Value first,
                                              Value end, Value scratch) const {
  return b.loop(first, end, weight.blockElements(), sums, [&](Value feature, ValueRange carried) {
    KernelBuilder::Values next(carried.begin(), carried.end());
    SmallVector<InterleavedWeight::Block> blocks;
    for (const Group &group : groups)
      blocks.push_back(weight.block(group.start, b.i64(0), feature, weight.rows()));
    if (isReadInSteps())
      return addInSteps(next, groups, blocks, x, feature, scratch);
    for (int64_t i = 0; i < weight.blockElements(); i += kIntegersTogether) {
      prefetchAhead(groups, weight.offsetOfBlock(feature), i);
      for (auto [block, sum] : llvm::zip_equal(blocks, next)) {
        SmallVector<Numbers> numbers;
        for (int64_t j = i; j < i + kIntegersTogether; j += dots.part())
          numbers.push_back(numbersOfPart(block, j));
        sum = addParts(block, numbers, sum, x, feature, i);
      }
    }
    return next;
  });
}

/// The same of one block, in a loop with the code of one period. Hardware tells streams of memory by the instructions
/// that read them, and does not follow an instruction that reads a word of each large block only. All numbers are
/// stored in scratch before, since each lies in other bits.
KernelBuilder::Values InterleavedProduct::addInSteps(ArrayRef<Value> sums, ArrayRef<Group> groups,
                                                     MutableArrayRef<InterleavedWeight::Block> blocks, Value x,
                                                     Value feature, Value scratch) const {
  int64_t count = weight.blockElements(), parts = count / dots.part(), lanes = weight.rows();
  auto numbersAt = [&](size_t group) { return b.at(scratch, scratchBytes(1) * static_cast<int64_t>(group)); };
  for (auto [g, block] : llvm::enumerate(blocks))
    for (int64_t i = 0; i < count; i += dots.part()) {
      Numbers numbers = numbersOfPart(block, i);
      Value place = b.at(numbersAt(g), i / dots.part() * vectorBytes());
      b.store(numbers.scale, place, 4);
      if (numbers.minimum)
        b.store(numbers.minimum, b.at(place, parts * vectorBytes()), 4);
    }
  return b.rolledLoop(count, weight.period(), sums, [&](Value from, ValueRange carried) {
    KernelBuilder::Values next(carried.begin(), carried.end());
    Value periods = b.div(from, weight.period());
    Value offset = b.add(weight.offsetOfBlock(feature), b.mul(periods, weight.bytesOfValues(weight.period())));
    Value k = b.add(feature, from);
    for (int64_t i = 0; i < weight.period(); i += kIntegersTogether) {
      prefetchAhead(groups, offset, i);
      for (auto [g, sum] : llvm::enumerate(next)) {
        SmallVector<Numbers> numbers;
        for (int64_t j = i; j < i + kIntegersTogether; j += dots.part()) {
          Value place = b.at(numbersAt(g), b.mul(b.div(b.add(from, j), dots.part()), vectorBytes()));
          numbers.push_back({b.loadF32(b.getF32Type(), place, lanes), Value()});
          if (dots.hasMinimum())
            numbers.back().minimum = b.loadF32(b.getF32Type(), b.at(place, parts * vectorBytes()), lanes);
        }
        // Words that other integers of the period need too are loaded again. There are too few registers to keep them
        // from one order of memory, which comes with requests, to the next one.
        InterleavedWeight::Block step = blocks[g].from(from);
        sum = addParts(step, numbers, sum, x, k, i);
      }
    }
    return next;
  });
}

/// Asks for what is read `prefetch` bytes behind the kIntegersTogether integers from number `first` of a period on,
/// which lies at `offset` in each group. They ask for their share, so requests are spread evenly over the work on a
/// block. Behind the end of a group comes the beginning of the next one, which seldom follows it in memory. All groups
/// ask together, so that nothing orders memory between their products, which share the words of the input.
void InterleavedProduct::prefetchAhead(ArrayRef<Group> groups, Value offset, int64_t first) const {
  if (!prefetch)
    return;
  // LLVM would move all requests of a large block to its beginning, where they fill the queue of misses.
  b.orderMemory();
  auto [begin, end] = weight.linesOfShare(first, kIntegersTogether, weight.period());
  Value place = b.add(offset, prefetch + begin * kCacheLineBytes);
  auto isBehind = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, place, b.i64(groupBytes));
  for (const Group &group : groups) {
    Value ahead = b.at(b.select(isBehind, b.at(group.next, -groupBytes), group.start), place);
    for (int64_t line = 0; line < end - begin; ++line)
      b.prefetch(b.at(ahead, line * kCacheLineBytes));
  }
}

void InterleavedProduct::prefetchStart(Value group) const {
  b.loop(b.i64(0), b.i64(prefetch), kCacheLineBytes, [&](Value offset) { b.prefetch(b.at(group, offset)); });
}

/// Those of the part that begins at integer `first` of a block.
InterleavedProduct::Numbers InterleavedProduct::numbersOfPart(InterleavedWeight::Block &block, int64_t first) const {
  return {block.scales(first), dots.hasMinimum() ? block.minima(first) : Value()};
}

/// Adds the products of the parts with one scale of the input. The first of them begins at integer `first` of a block,
/// whose own first integer is multiplied with feature k of the input.
Value InterleavedProduct::addParts(InterleavedWeight::Block &block, ArrayRef<Numbers> numbers, Value sums, Value x,
                                   Value k, int64_t first) const {
  int64_t lanes = weight.rows();
  Value together, inputScale = b.splat(input.scaleOfPart(x, k, first), lanes);
  for (auto [number, part] : llvm::enumerate(numbers)) {
    Value products = productsOfPart(block, x, k, first + static_cast<int64_t>(number) * dots.part());
    dots.addScaled(products, part.scale, inputScale, static_cast<int64_t>(number), together, sums);
  }
  for (auto [number, part] : llvm::enumerate(numbers))
    if (part.minimum) {
      Value sum = input.sumOfPart(x, k, first + static_cast<int64_t>(number) * dots.part());
      sums = b.fma(part.minimum, b.splat(sum, lanes), sums);
    }
  return sums;
}

/// The products of a part, as i32. It begins at integer `first` of the block, which begins at feature k of the input.
Value InterleavedProduct::productsOfPart(InterleavedWeight::Block &block, Value x, Value k, int64_t first) const {
  Value start = b.splat(input.startOfPart(x, k, first), weight.rows());
  if (dots.addsInOneStep())
    return productsInPlace(block, start, x, k, first);
  return dots.productsOfPart(start, weight.rows(), [&](int64_t i) {
    return std::pair(dots.prepare(block.words(first + i)), inputWord(x, k, first + i));
  });
}

/// The same of integers as they lie in bytes: the sum of products with those in upper bits is shifted back, which
/// rounds nothing. Only unsigned integers lie so. Sums of a part stay below 32 * 255 * 127.
Value InterleavedProduct::productsInPlace(InterleavedWeight::Block &block, Value start, Value x, Value k,
                                          int64_t first) const {
  llvm::SmallMapVector<int64_t, Value, 4> sums;
  sums[0] = start;
  for (int64_t i = 0; i < dots.part(); i += dots.perWord()) {
    Value &sum = sums[block.shiftOf(first + i)];
    if (!sum)
      sum = b.splat(b.i32(0), weight.rows());
    sum = dots.multiply(sum, dots.prepare(block.wordsInPlace(first + i)), inputWord(x, k, first + i));
  }
  Value products;
  for (auto [shift, sum] : sums)
    products = shift ? b.add(products, arith::ShRSIOp::create(b, sum, b.splat(b.i32(shift), weight.rows()))) : sum;
  return products;
}

/// The word of the input that begins `behind` features behind `feature`, in all lanes.
Value InterleavedProduct::inputWord(Value x, Value feature, int64_t behind) const {
  int64_t lanes = weight.rows();
  return vector::BitCastOp::create(b, b.vectorOf(dots.element(), lanes * dots.perWord()),
                                   b.splat(input.wordAt(x, feature, behind), lanes));
}

} // namespace quipu::codegen::cpu
