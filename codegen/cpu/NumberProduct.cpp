//===- NumberProduct.cpp - Products of many rows with numbers ---------------===//

#include "codegen/cpu/NumberProduct.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

/// Most inputs of a part: six rows of f32 then take 18 KiB of an L1 of 32 KiB.
static constexpr int64_t kMostInputs = 768;
/// Parts begin at multiples of this, which is the elements of the largest blocks.
static constexpr int64_t kPartUnit = kMaxBlockElements;
/// Inputs that a step of the loop over multiply-adds takes, so that its end costs little.
static constexpr int64_t kInputsOfStep = 4;
/// Sums that wait in scratch.
static constexpr int64_t kSumsBytes = 128 * 1024;
/// Tiles that widened inputs should serve: widening a vector takes as long as some three multiply-adds of it.
static constexpr int64_t kTilesForWidening = 16;

/// The input of the product, as the kernel has it in memory.
static Type sourceType(LinearTiles &region) {
  return region.norm() ? region.workspaceType() : region.linear.getInput().getType();
}

/// Whether an operand is made f32 before it is multiplied, once for all products that it takes part in. Widening a
/// vector takes the place of a multiply-add.
static bool widens(CpuLinearScheduleAttr schedule, Value operand) {
  return schedule.getDot() == DotKind::Fma && !getElementTypeOrSelf(operand).isF32();
}

static Type widenedWeight(LinearTiles &region) {
  return RankedTensorType::get({region.outputs(), region.inputs()}, Float32Type::get(region.kernel.getContext()));
}

static Type widenedInput(LinearTiles &region, int64_t lanes, int64_t inputs) {
  MLIRContext *context = region.kernel.getContext();
  return RankedTensorType::get({ShapedType::kDynamic, inputs}, Float32Type::get(context),
                               TokenLanesAttr::get(context, lanes, /*pack=*/1));
}

NumberProduct::NumberProduct(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule)
    : b(b), schedule(schedule), lanes(schedule.getLanes()), inputs(region.inputs()),
      part(inputsOfPart(inputs, schedule.getDot())), widenInputs(widens(schedule, region.linear.getInput())),
      widenRows(widens(schedule, region.linear.getWeight())), stored(b, region.linear.getWeight().getType()),
      weight(b, widenRows ? widenedWeight(region) : region.linear.getWeight().getType()), source(sourceType(region)),
      widened(widenInputs ? ActivationLayout(widenedInput(region, lanes, part)) : source) {
  if (widenRows)
    rowsBytes = llvm::alignTo(2 * schedule.getRun() * weight.bytes(part), kCacheLineBytes);
  if (widenInputs)
    inputBytes = schedule.getRowTiles() * widened.strideBytes();
}

int64_t NumberProduct::inputsOfPart(int64_t inputs, DotKind dot) {
  if (dot != DotKind::Fma || inputs <= kMostInputs)
    return inputs;
  return llvm::alignTo(llvm::divideCeil(inputs, llvm::divideCeil(inputs, kMostInputs)), kPartUnit);
}

/// Bytes of the sums of a tile for all rows of a block.
static int64_t sumsBytes(CpuLinearScheduleAttr schedule) {
  return 2 * schedule.getRun() * schedule.getRowTiles() * schedule.getLanes() * 4;
}

int64_t NumberProduct::tilesAtOnce() const { return std::max<int64_t>(kSumsBytes / sumsBytes(schedule), 1); }

int64_t NumberProduct::leastTiles() const { return widenInputs ? kTilesForWidening : 1; }

int64_t NumberProduct::scratchBytes() const {
  return rowsBytes + inputBytes + (isInParts() ? tilesAtOnce() * sumsBytes(schedule) : 0);
}

void NumberProduct::begin(Value inputTiles, Value scratch) {
  input = inputTiles;
  rowsInScratch = scratch;
  inputInScratch = b.at(rowsInScratch, rowsBytes);
  sumsInScratch = b.at(inputInScratch, inputBytes);
}

void NumberProduct::forEachPart(Value firstRowTile, Value lastRowTile, llvm::function_ref<void()> emit) {
  auto take = [&](Value from, Value number) {
    first = from;
    count = number;
    if (widenInputs) {
      blockStart = firstRowTile;
      widenInput(firstRowTile, lastRowTile);
    }
    emit();
  };
  if (!isInParts())
    return take(b.i64(0), b.i64(inputs));
  b.loop(b.i64(0), b.i64(inputs), part,
         [&](Value from) { take(from, b.min(b.sub(b.i64(inputs), from), b.i64(part))); });
}

/// Writes the part of the block's row tiles into scratch as f32.
void NumberProduct::widenInput(Value firstRowTile, Value lastRowTile) {
  b.loop(firstRowTile, lastRowTile, 1, [&](Value rowTile) {
    Value from = b.at(input, b.add(b.mul(rowTile, source.strideBytes()), source.featureOffset(b, first)));
    Value to = b.at(inputInScratch, b.mul(b.sub(rowTile, firstRowTile), widened.strideBytes()));
    b.loop(b.i64(0), count, 1, [&](Value k) {
      b.storeF32(b.loadF32(source.element, b.at(from, source.featureOffset(b, k)), lanes), widened.element,
                 b.at(to, widened.featureOffset(b, k)));
    });
  });
}

SmallVector<Value> NumberProduct::prepareRows(ArrayRef<Value> rows) {
  SmallVector<Value> prepared;
  if (!widenRows) {
    for (Value row : rows)
      prepared.push_back(b.at(row, b.mul(first, stored.bytes(1))));
    return prepared;
  }
  for (size_t i = 0; i < rows.size(); ++i)
    prepared.push_back(b.at(rowsInScratch, static_cast<int64_t>(i) * weight.bytes(part)));
  int64_t width =
      stored.hasBlocks() ? stored.vectorLanes(lanes) : std::min(widestVector(inputs, lanes), widestVector(part, lanes));
  int64_t step = stored.hasBlocks() ? stored.blockElements() : width;
  b.loop(b.i64(0), count, step, [&](Value k) {
    for (auto [from, to] : llvm::zip_equal(rows, prepared)) {
      WeightOperand::Run run = stored.run(from, b.add(first, k));
      Value target = b.at(to, b.mul(k, weight.bytes(1)));
      for (int64_t i = 0; i < step; i += width)
        b.storeF32(run.vector(i, width), weight.numberType(), b.at(target, weight.bytes(i)));
    }
  });
  return prepared;
}

SmallVector<Value> NumberProduct::zeros(int64_t number) {
  return SmallVector<Value>(static_cast<size_t>(number), b.splat(0.0f, lanes));
}

SmallVector<Value> NumberProduct::panelTiles(Value rowTile, size_t vectors) {
  SmallVector<Value> tiles;
  for (size_t v = 0; v < vectors; ++v) {
    Value tile = b.add(rowTile, static_cast<int64_t>(v));
    tiles.push_back(widenInputs
                        ? b.at(inputInScratch, b.mul(b.sub(tile, blockStart), widened.strideBytes()))
                        : b.at(input, b.add(b.mul(tile, source.strideBytes()), source.featureOffset(b, first))));
  }
  return tiles;
}

SmallVector<Value> NumberProduct::multiply(ArrayRef<Value> rows, Value rowTile, ArrayRef<Value> sums) {
  size_t vectors = sums.size() / rows.size();
  SmallVector<Value> tiles = panelTiles(rowTile, vectors);
  int64_t stepBytes = lanes * widened.elementBytes();

  if (schedule.getDot() == DotKind::Bf16) {
    return b.loop(b.i64(0), count, 2, sums, [&](Value k, ValueRange carried) {
      KernelBuilder::Values next(carried.begin(), carried.end());
      SmallVector<Value> x;
      for (Value tile : tiles)
        x.push_back(b.load(b.vectorOf(widened.element, 2 * lanes), b.at(tile, b.mul(k, stepBytes)), 2));
      for (auto [row, weightRow] : llvm::enumerate(rows)) {
        Value pair = b.splat(weight.run(weightRow, k).pair(), lanes);
        Value w = vector::BitCastOp::create(b, b.vectorOf(weight.numberType(), 2 * lanes), pair);
        for (size_t v = 0; v < vectors; ++v)
          next[row * vectors + v] = b.dotBf16(carried[row * vectors + v], x[v], w);
      }
      return next;
    });
  }

  int64_t step = std::min(widestVector(inputs, kInputsOfStep), widestVector(part, kInputsOfStep));
  return b.loop(b.i64(0), count, step, sums, [&](Value from, ValueRange carried) {
    KernelBuilder::Values next(carried.begin(), carried.end());
    for (int64_t i = 0; i < step; ++i) {
      Value k = b.add(from, i);
      SmallVector<Value> x;
      for (Value tile : tiles)
        x.push_back(b.loadF32(widened.element, b.at(tile, b.mul(k, stepBytes)), lanes));
      for (auto [row, weightRow] : llvm::enumerate(rows)) {
        Value w = weight.run(weightRow, k).broadcast(0, lanes);
        for (size_t v = 0; v < vectors; ++v)
          next[row * vectors + v] = b.fma(w, x[v], next[row * vectors + v]);
      }
    }
    return next;
  });
}

/// Address of the sums of row `row` of a tile for a row tile. Those of neighbouring rows follow each other.
Value NumberProduct::sumsAt(Value tile, Value rowTile) {
  Value offset = b.add(b.mul(tile, sumsBytes(schedule)), b.mul(rowTile, 2 * schedule.getRun() * lanes * 4));
  return b.at(sumsInScratch, offset);
}

void NumberProduct::clearSums(Value tiles) {
  b.loop(b.i64(0), b.mul(tiles, sumsBytes(schedule)), lanes * 4,
         [&](Value i) { b.store(b.splat(0.0f, lanes), b.at(sumsInScratch, i), 4); });
}

SmallVector<Value> NumberProduct::loadSums(Value tile, Value rowTile, int64_t rows, int64_t vectors) {
  SmallVector<Value> sums(static_cast<size_t>(rows * vectors));
  for (int64_t v = 0; v < vectors; ++v) {
    Value start = sumsAt(tile, b.add(rowTile, v));
    for (int64_t row = 0; row < rows; ++row)
      sums[static_cast<size_t>(row * vectors + v)] = b.loadF32(b.getF32Type(), b.at(start, row * lanes * 4), lanes);
  }
  return sums;
}

void NumberProduct::storeSums(ArrayRef<Value> sums, Value tile, Value rowTile, int64_t vectors) {
  int64_t rows = static_cast<int64_t>(sums.size()) / vectors;
  for (int64_t v = 0; v < vectors; ++v) {
    Value start = sumsAt(tile, b.add(rowTile, v));
    for (int64_t row = 0; row < rows; ++row)
      b.store(sums[static_cast<size_t>(row * vectors + v)], b.at(start, row * lanes * 4), 4);
  }
}

} // namespace quipu::codegen::cpu
