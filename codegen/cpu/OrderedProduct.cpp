//===- OrderedProduct.cpp - Products of few rows in the order of inputs ------===//

#include "codegen/cpu/OrderedProduct.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

/// Most words of a stretch: those of 16 rows fill half of an L1 of 32 KiB.
static constexpr int64_t kMostWords = 256;
/// Rows of the input that are multiplied together, so that a word is loaded once for them.
static constexpr int64_t kRowsOfNumbers = 4, kRowsOfIntegers = 2;
/// Words that a step of the loop over multiply-adds takes, so that its end costs little. Of integers they have whole
/// scales of the input.
static constexpr int64_t kWordsOfStep = 16;
/// Words of a line of the cache, which are transposed together.
static constexpr int64_t kWordsOfLine = kCacheLineBytes / 4;

struct OrderedProduct::Tile {
  const KernelFrame &frame;
  const Section &section;
  Value rowOffset;
  const Rows &rows;
  Value scratch;

  Value inputAt(KernelBuilder &b, Value row) const { return b.at(rows.input, b.mul(row, rows.inputRowBytes)); }
  Value sumsAt(KernelBuilder &b, Value row) const { return b.at(rows.sums, b.mul(row, rows.sumsRowBytes)); }
};

OrderedProduct::OrderedProduct(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule,
                               const QuantizedRows *integers)
    : b(b), region(region), schedule(schedule), integers(integers), weight(b, region.linear.getWeight().getType()),
      inputs(region.inputs()), lanes(schedule.getLanes()),
      groups(static_cast<int64_t>(llvm::divideCeil(2 * schedule.getRun(), lanes))) {
  Type element = getElementTypeOrSelf(region.linear.getWeight());
  hasPairs = element.isBF16() && inputs % 2 == 0;
  decodes = !hasPairs && !element.isF32();
  if (region.quantize())
    dots.emplace(b, integerFormOf(region, schedule.getDot()));
  words.featuresOfWord = dots ? dots->perWord() : hasPairs ? 2 : 1;
  // Stretches of one size, of whole blocks and lines of the cache.
  int64_t most = kMostWords * words.featuresOfWord;
  stretch = llvm::alignTo(llvm::divideCeil(inputs, llvm::divideCeil(inputs, most)),
                          decodes ? kMaxBlockElements : kWordsOfLine * words.featuresOfWord);
  auto place = [&](Plane &plane) {
    plane.inRow = rowBytes;
    plane.inScratch = planesBytes;
    rowBytes += stretch / plane.featuresOfWord * 4;
    planesBytes += stretch / plane.featuresOfWord * groups * lanes * 4;
  };
  place(words);
  if (!dots)
    return;
  place(scales.emplace(Plane{.featuresOfWord = dots->part()}));
  if (dots->hasMinimum())
    place(minima.emplace(Plane{.featuresOfWord = dots->part()}));
}

bool OrderedProduct::wantsWideInput() const {
  return schedule.getDot() == DotKind::Fma && !getElementTypeOrSelf(region.exactInputType()).isF32();
}

int64_t OrderedProduct::scratchBytes() const { return planesBytes + (decodes ? groups * lanes * rowBytes : 0); }

void OrderedProduct::emit(const KernelFrame &frame, const Section &section, Value rowOffset, const Rows &rows,
                          Value scratch) {
  Tile tile{frame, section, rowOffset, rows, scratch};
  b.loop(b.i64(0), rows.rows, 1, [&](Value row) {
    for (int64_t group = 0; group < groups; ++group)
      b.store(b.splat(0.0f, lanes), b.at(tile.sumsAt(b, row), group * lanes * 4), 4);
  });
  auto take = [&](Value first, int64_t features) {
    if (decodes)
      decodeRows(tile, first, features);
    addFirstRow(tile, first, features);
    addOtherRows(tile, first, features);
  };
  int64_t whole = inputs / stretch * stretch;
  if (whole)
    b.loop(b.i64(0), b.i64(whole), stretch, [&](Value first) { take(first, stretch); });
  if (whole < inputs)
    take(b.i64(whole), inputs - whole);
}

//===----------------------------------------------------------------------===//
// The weight
//===----------------------------------------------------------------------===//

Value OrderedProduct::decodedRow(const Tile &tile, Value row) const {
  return b.at(b.at(tile.scratch, planesBytes), b.mul(row, rowBytes));
}

/// Decodes `features` values of each row of the tile, from `first` on. The rows of both runs take turns, because each
/// run is a stream of memory.
void OrderedProduct::decodeRows(const Tile &tile, Value first, int64_t features) {
  int64_t step = weight.hasBlocks() ? weight.blockElements() : widestVector(features, lanes);
  b.loop(b.i64(0), b.i64(tile.section.run), 1, [&](Value row) {
    SmallVector<Value> rows = region.weightRows(b, tile.frame, tile.section, tile.rowOffset, row, 1);
    b.loop(b.i64(0), b.i64(features), step, [&](Value k) {
      for (auto [run, from] : llvm::enumerate(rows)) {
        WeightOperand::Run values = weight.run(from, b.add(first, k));
        if (schedule.getPrefetch())
          values.prefetch(schedule.getPrefetch(), step);
        Value target = decodedRow(tile, b.add(row, static_cast<int64_t>(run) * tile.section.run));
        if (dots)
          decodeIntegers(values, target, k);
        else
          decodeNumbers(values, target, k, step);
      }
    });
  });
}

/// Writes `count` values, those from feature k of the stretch on, to a decoded row as f32.
void OrderedProduct::decodeNumbers(const WeightOperand::Run &run, Value target, Value k, int64_t count) {
  int64_t width = weight.hasBlocks() ? weight.vectorLanes(lanes) : count;
  for (int64_t i = 0; i < count; i += width)
    b.store(run.vector(i, width), b.at(target, b.mul(b.add(k, i), 4)), 4);
}

/// The same of the integers, scales and minima of a block.
void OrderedProduct::decodeIntegers(const WeightOperand::Run &run, Value target, Value k) {
  int64_t block = weight.blockElements();
  for (int64_t i = 0; i < block; i += kIntegersTogether)
    b.store(dots->prepare(run.integers(i, kIntegersTogether)), b.at(target, b.mul(b.add(k, i), dots->integerBytes())),
            1);
  Value part = b.mul(b.div(k, dots->part()), 4);
  b.store(dots->ofParts(run.allScales(), block), b.at(target, b.add(part, scales->inRow)), 4);
  if (minima)
    b.store(dots->ofParts(run.allMinima(), block), b.at(target, b.add(part, minima->inRow)), 4);
}

/// Transposes `features` values of the rows of a tile, from `first` on, and adds their products with the first row of
/// the input on the way: memory and products then work at the same time.
void OrderedProduct::addFirstRow(const Tile &tile, Value first, int64_t features) {
  SmallVector<Value> rows;
  if (decodes)
    for (int64_t row = 0; row < (tile.section.hasSecond ? 2 : 1) * tile.section.run; ++row)
      rows.push_back(decodedRow(tile, b.i64(row)));
  else
    for (Value row : region.weightRows(b, tile.frame, tile.section, tile.rowOffset, b.i64(0), tile.section.run))
      rows.push_back(b.at(row, b.mul(first, weight.bytes(1))));
  // Lanes that are left over compute the last row again.
  rows.resize(static_cast<size_t>(groups * lanes), rows.back());
  // Whole lines, and then halves of lines and less for the words that are left.
  auto forEachLength = [&](const Plane &plane, llvm::function_ref<void(Value, Value, int64_t)> emit) {
    int64_t count = features / plane.featuresOfWord, done = 0;
    for (int64_t line = kWordsOfLine; line; line /= 2)
      if (int64_t whole = (count - done) / line * line) {
        emit(b.i64(done), b.i64(done + whole), line);
        done += whole;
      }
  };
  auto transposeAll = [&](const Plane &plane) {
    forEachLength(plane, [&](Value from, Value to, int64_t line) {
      b.loop(from, to, line, [&](Value word) { transpose(rows, tile, plane, word, line); });
    });
  };
  if (scales)
    transposeAll(*scales);
  if (minima)
    transposeAll(*minima);

  InputRows input = inputRows(tile, b.i64(0), 1, first);
  KernelBuilder::Values sums = loadSums(input);
  forEachLength(words, [&](Value from, Value to, int64_t line) {
    sums = b.loop(from, to, line, sums, [&](Value word, ValueRange carried) {
      KernelBuilder::Values next(carried.begin(), carried.end());
      if (!decodes && line == kWordsOfLine)
        requestNextTile(tile, b.add(b.div(first, words.featuresOfWord), word));
      transpose(rows, tile, words, word, line);
      addWords(tile, input, word, line, next);
      return next;
    });
  });
  storeSums(input, sums);
}

/// Requests a share of the rows of the next tile, in the order of memory: as many lines as the tile has rows, for each
/// line of words, of which word `word` is the first. Hardware would see as many short streams as there are rows.
void OrderedProduct::requestNextTile(const Tile &tile, Value word) {
  const Section &section = tile.section;
  // The runs are two streams, or one where their rows take turns.
  int64_t rows = section.run * section.rowStride;
  SmallVector<Value> starts =
      region.weightRows(b, tile.frame, section, b.add(tile.rowOffset, section.tileRows), b.i64(0), 1);
  if (section.rowStride > 1)
    starts.resize(1);
  Value line = b.div(word, kWordsOfLine);
  for (Value start : starts)
    for (int64_t i = 0; i < rows; ++i)
      b.prefetch(b.at(start, b.mul(b.add(b.mul(line, rows), i), kCacheLineBytes)));
}

/// Writes `count` words of a plane of the rows, from word `first` of the stretch on: those of all rows side by side.
void OrderedProduct::transpose(ArrayRef<Value> rows, const Tile &tile, const Plane &plane, Value first, int64_t count) {
  int64_t width = std::min(count, lanes);
  for (int64_t group = 0; group < groups; ++group)
    for (int64_t i = 0; i < count; i += width) {
      SmallVector<Value> vectors;
      for (Value row : rows.slice(static_cast<size_t>(group * lanes), static_cast<size_t>(lanes)))
        vectors.push_back(
            b.load(b.vectorOf(b.getI32Type(), width), b.at(row, b.add(b.mul(b.add(first, i), 4), plane.inRow)), 2));
      for (auto [j, word] : llvm::enumerate(b.transpose(vectors)))
        b.store(word, wordsAt(tile, plane, b.add(first, i + static_cast<int64_t>(j)), group), 4);
    }
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

OrderedProduct::InputRows OrderedProduct::inputRows(const Tile &tile, Value row, int64_t count, Value first) {
  InputRows result{first, {}, {}};
  for (int64_t i = 0; i < count; ++i) {
    Value number = b.add(row, i), address = tile.inputAt(b, number);
    // Integers are found by their features.
    if (!dots)
      address = b.at(address, b.mul(first, schedule.getDot() == DotKind::Bf16 ? 2 : 4));
    result.addresses.push_back(address);
    for (int64_t group = 0; group < groups; ++group)
      result.sums.push_back(b.at(tile.sumsAt(b, number), group * lanes * 4));
  }
  return result;
}

KernelBuilder::Values OrderedProduct::loadSums(const InputRows &input) {
  return llvm::map_to_vector<6>(input.sums, [&](Value place) { return b.loadF32(b.getF32Type(), place, lanes); });
}

void OrderedProduct::storeSums(const InputRows &input, ArrayRef<Value> sums) {
  for (auto [sum, place] : llvm::zip_equal(sums, input.sums))
    b.store(sum, place, 4);
}

/// Adds the products of the stretch in scratch, which begins at feature `first`, to the sums of all rows of the input
/// but the first.
void OrderedProduct::addOtherRows(const Tile &tile, Value first, int64_t features) {
  int64_t count = features / words.featuresOfWord, step = widestVector(count, kWordsOfStep);
  auto add = [&](Value row, int64_t together) {
    InputRows input = inputRows(tile, row, together, first);
    storeSums(input, b.loop(b.i64(0), b.i64(count), step, loadSums(input), [&](Value word, ValueRange carried) {
      KernelBuilder::Values next(carried.begin(), carried.end());
      addWords(tile, input, word, step, next);
      return next;
    }));
  };
  int64_t together = dots ? kRowsOfIntegers : kRowsOfNumbers;
  Value others = b.max(b.sub(tile.rows.rows, 1), b.i64(0)), end = b.add(b.mul(b.div(others, together), together), 1);
  b.loop(b.i64(1), end, together, [&](Value row) { add(row, together); });
  b.loop(end, tile.rows.rows, 1, [&](Value row) { add(row, 1); });
}

/// Adds the products of `count` words from word `first` of the stretch on. Of integers they have whole
/// scales of the input.
void OrderedProduct::addWords(const Tile &tile, const InputRows &input, Value first, int64_t count,
                              KernelBuilder::Values &sums) {
  int64_t step = dots ? kIntegersTogether / dots->perWord() : 1;
  for (int64_t i = 0; i < count; i += step)
    if (dots)
      addParts(tile, input, b.add(first, i), sums);
    else
      addWord(tile, input, b.add(first, i), sums);
}

Value OrderedProduct::wordsAt(const Tile &tile, const Plane &plane, Value word, int64_t group) {
  Value start = b.at(tile.scratch, plane.inScratch + group * lanes * 4);
  return b.at(start, b.mul(word, groups * lanes * 4));
}

Value OrderedProduct::wordsOf(const Tile &tile, const Plane &plane, Value word, int64_t group) {
  return b.loadI32(wordsAt(tile, plane, word, group), lanes);
}

void OrderedProduct::addWord(const Tile &tile, const InputRows &input, Value word, KernelBuilder::Values &sums) {
  auto floats = b.vectorOf(b.getF32Type(), lanes), pairs = b.vectorOf(b.getBF16Type(), 2 * lanes);
  SmallVector<Value> weights;
  for (int64_t group = 0; group < groups; ++group)
    weights.push_back(wordsOf(tile, words, word, group));
  auto forEachSum = [&](llvm::function_ref<Value(Value, size_t, size_t)> add) {
    for (size_t row = 0; row < input.addresses.size(); ++row)
      for (size_t group = 0; group < weights.size(); ++group) {
        Value &sum = sums[row * weights.size() + group];
        sum = add(sum, row, group);
      }
  };
  if (schedule.getDot() == DotKind::Bf16) {
    assert(hasPairs && "dot products of bf16 take pairs");
    forEachSum([&](Value sum, size_t row, size_t group) {
      Value x = b.splat(b.load(b.getI32Type(), b.at(input.addresses[row], b.mul(word, 4)), 2), lanes);
      return b.dotBf16(sum, vector::BitCastOp::create(b, pairs, weights[group]),
                       vector::BitCastOp::create(b, pairs, x));
    });
    return;
  }
  for (int64_t i = 0; i < words.featuresOfWord; ++i) {
    SmallVector<Value> numbers;
    for (Value value : weights) {
      // Of two numbers the first is in the lower half. It is shifted up, and the second is where it belongs.
      if (hasPairs)
        value =
            i == 0
                ? arith::ShLIOp::create(b, value, b.splat(b.i32(16), lanes)).getResult()
                : arith::AndIOp::create(b, value, b.splat(b.i32(static_cast<int32_t>(0xffff0000)), lanes)).getResult();
      numbers.push_back(vector::BitCastOp::create(b, floats, value));
    }
    Value place = b.mul(b.add(b.mul(word, words.featuresOfWord), i), 4);
    forEachSum([&](Value sum, size_t row, size_t group) {
      return b.fma(numbers[group], b.splat(b.loadF32(b.getF32Type(), b.at(input.addresses[row], place), 0), lanes),
                   sum);
    });
  }
}

/// Adds the products of the parts that have one scale of the input. The first of them begins with word `firstWord`.
void OrderedProduct::addParts(const Tile &tile, const InputRows &input, Value firstWord, KernelBuilder::Values &sums) {
  auto floats = b.vectorOf(b.getF32Type(), lanes), small = b.vectorOf(dots->element(), lanes * dots->perWord());
  Value k = b.mul(firstWord, dots->perWord()), feature = b.add(input.first, k);
  auto floatsOf = [&](const Plane &plane, int64_t part, int64_t group) {
    Value number = b.add(b.div(k, dots->part()), part);
    return vector::BitCastOp::create(b, floats, wordsOf(tile, plane, number, group)).getResult();
  };
  for (int64_t group = 0; group < groups; ++group)
    for (auto [row, x] : llvm::enumerate(input.addresses)) {
      Value &sum = sums[row * static_cast<size_t>(groups) + static_cast<size_t>(group)], together;
      Value inputScale = b.splat(integers->scaleOfPart(x, feature, 0), lanes);
      for (int64_t part = 0; part < dots->partsTogether(); ++part) {
        int64_t from = part * dots->part();
        Value start = b.splat(integers->startOfPart(x, feature, from), lanes);
        Value products = dots->productsOfPart(start, lanes, [&](int64_t i) {
          Value weights = wordsOf(tile, words, b.add(firstWord, (from + i) / dots->perWord()), group);
          Value word = b.splat(integers->wordAt(x, feature, from + i), lanes);
          return std::pair<Value, Value>(vector::BitCastOp::create(b, small, weights),
                                         vector::BitCastOp::create(b, small, word));
        });
        dots->addScaled(products, floatsOf(*scales, part, group), inputScale, part, together, sum);
      }
      for (int64_t part = 0; minima && part < dots->partsTogether(); ++part) {
        Value inputSum = integers->sumOfPart(x, feature, part * dots->part());
        sum = b.fma(floatsOf(*minima, part, group), b.splat(inputSum, lanes), sum);
      }
    }
}

} // namespace quipu::codegen::cpu
