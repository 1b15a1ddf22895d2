//===- LinearFew.cpp - Linear kernels for a handful of rows ------------------===//
//
// Reading the weight dominates. A vector holds consecutive features of one row:
//
//   normalise the input rows into scratch            (every thread for itself: cheaper than a barrier)
//   for each tile of 2 * run weight rows             (the grid: a thread streams neighbouring tiles)
//     for each input row
//       accumulators[2 * run] += weight row . input  (the tile's rows stay in L1 for the next input row)
//       sum lanes, epilogue on vectors of `run` features, store
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Activation.h"
#include "codegen/common/CacheAddress.h"
#include "codegen/cpu/Emitters.h"
#include "codegen/cpu/LinearTiles.h"
#include "codegen/cpu/QuantizedInput.h"
#include "codegen/cpu/WeightOperand.h"
#include "runtime/abi/KernelAbi.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {
namespace {

class FewEmitter {
public:
  FewEmitter(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule)
      : b(b), region(region), schedule(schedule), inputs(region.inputs()), linear(region.linear),
        weight(b, linear.getWeight().getType()), inputElement(getElementTypeOrSelf(region.exactInputType())) {
    if (region.quantize())
      rounded.emplace(b, region, schedule.getDot());
  }

  void emit(StringRef symbol) {
    KernelFrame entry(b, region.kernel, symbol);
    frame = &entry;
    rows = region.rowCount(entry);
    prepareInput();
    if (rounded)
      roundInput();

    SmallVector<Section> sections = region.tiles(schedule.getRun());
    int64_t first = 0;
    for (const Section &section : sections) {
      // The part of [begin, end) that lies in this section.
      Value lower = b.max(b.sub(entry.begin, b.i64(first)), b.i64(0));
      Value upper = b.min(b.sub(entry.end, b.i64(first)), b.i64(section.tiles));
      b.loop(lower, upper, 1, [&](Value tile) { emitTile(section, tile); });
      first += section.tiles;
    }
  }

private:
  /// The sums of a tile for one row of the input: run A and run B, vectors of `run` elements. A stage that makes one
  /// value of two leaves no run B.
  struct TileOfRow {
    const Section &section;
    const TilePosition &at;
    Value row, a, c;
    /// Where the result's row begins; see targetOf.
    Value target = {};
  };

  /// Prepares the input. Afterwards row t of the product's input lies at `input + t * inputs * bytes`, row-major, of
  /// type inputElement.
  void prepareInput() {
    Value source = frame->argument(region.source());
    RMSNormOp norm = region.norm();
    if (!norm) {
      input = source;
      return;
    }
    input = frame->scratch;
    Value gain = frame->argument(norm.getWeight());
    WeightOperand gains(b, norm.getWeight().getType());
    ActivationLayout layout(region.source().getType());
    GatherRowsOp gather = region.gather();
    Value indices = gather ? frame->argument(gather.getRows()) : Value();

    b.loop(b.i64(0), rows, 1, [&](Value row) {
      Value from = indices ? b.widen(b.loadI32(b.at(indices, b.mul(row, 4)))) : row;
      int64_t lanes = layout.lanes ? 1 : widestVector(inputs, schedule.getLanes());
      // Address of feature k of the row. Features lie side by side, or `layout.lanes` elements apart if rows lie in
      // lanes.
      Value base = layout.lanes
                       ? b.at(source, b.add(b.mul(b.div(from, layout.lanes), layout.strideBytes()),
                                            b.mul(b.rem(from, layout.lanes), layout.pack * layout.elementBytes())))
                       : b.at(source, b.mul(from, layout.strideBytes()));
      auto loadInput = [&](Value k) {
        return b.loadF32(layout.element, b.at(base, layout.featureOffset(b, k)), lanes);
      };
      SmallVector<Value> sum =
          b.loop(b.i64(0), b.i64(inputs), lanes, {b.splat(0.0f, lanes)}, [&](Value k, ValueRange carried) {
            Value x = loadInput(k);
            return KernelBuilder::Values{b.fma(x, x, carried[0])};
          });
      Value mean = b.mulf(b.sumLanes(sum[0]), b.f32(1.0f / static_cast<float>(inputs)));
      Value scale = b.rsqrt(b.addf(mean, b.f32(static_cast<float>(norm.getEps().convertToDouble()))));
      Value scales = b.splat(scale, lanes);
      Value out = b.at(input, b.mul(row, inputs * bytesOf(inputElement)));
      b.loop(b.i64(0), b.i64(inputs), lanes, [&](Value k) {
        Value g = gains.run(gain, k).vector(0, lanes);
        b.storeF32(b.mulf(b.mulf(loadInput(k), scales), g), inputElement, b.at(out, b.mul(k, bytesOf(inputElement))));
      });
    });
  }

  /// After this, row t of the product's input are integers and scales at `input + t * rounded->rowBytes()`.
  void roundInput() {
    Value exact = input;
    int64_t rowBytes = inputs * bytesOf(inputElement);
    // Behind the rows that a norm has made.
    input = region.norm() ? b.at(frame->scratch, b.mul(rows, rowBytes)) : frame->scratch;
    b.loop(b.i64(0), rows, 1, [&](Value row) {
      rounded->round(inputElement, b.at(exact, b.mul(row, rowBytes)), b.at(input, b.mul(row, rounded->rowBytes())),
                     schedule.getLanes());
    });
  }

  void emitTile(const Section &section, Value tile) {
    TilePosition at(b, section, tile);
    SmallVector<Value> weightRows = region.weightRows(b, *frame, section, at.rowOffset);

    b.loop(b.i64(0), rows, 1, [&](Value row) {
      SmallVector<Value> dots = rounded ? emitIntegerDots(weightRows, b.at(input, b.mul(row, rounded->rowBytes())))
                                        : emitDots(weightRows, b.at(input, b.mul(row, inputs * bytesOf(inputElement))));
      Value a = b.fromScalars(ArrayRef<Value>(dots).take_front(section.run));
      Value c = section.hasSecond ? b.fromScalars(ArrayRef<Value>(dots).drop_front(section.run)) : Value();
      TileOfRow values{section, at, row, a, c};
      for (const EpilogueStage &stage : section.stages)
        std::visit([&](const auto &kind) { emitStage(kind, values); }, stage);
    });
  }

  /// The same as emitDots, of integers: x is the address of a rounded row.
  SmallVector<Value> emitIntegerDots(ArrayRef<Value> weightRows, Value x) {
    IntegerForm form(schedule.getDot(), weight.layout());
    constexpr int64_t kLanes = QuantizedRows::kLanes;
    int64_t block = weight.blockElements(), parts = block / form.part();
    bool hasMinima = form.hasMinimum();
    size_t count = weightRows.size();
    // A sum for each weight row, then one of the minima of each.
    SmallVector<Value> sums(count, b.splat(0.0f, kLanes));
    if (hasMinima)
      sums.append(count, b.splat(0.0f, parts));
    auto floats = b.vectorOf(b.getF32Type(), kLanes);
    sums = b.loop(b.i64(0), b.i64(inputs), block, sums, [&](Value k, ValueRange carried) {
      KernelBuilder::Values next(carried.begin(), carried.end());
      Value inputScales = rounded->scales(x, k, parts);
      Value inputSums = hasMinima ? rounded->sums(x, k, parts) : Value();
      for (size_t row = 0; row < count; ++row) {
        WeightOperand::Run run = weight.run(weightRows[row], k);
        if (schedule.getPrefetch())
          run.prefetch(schedule.getPrefetch());
        Value scales = b.mulf(run.allScales(), inputScales);
        for (int64_t i = 0; i < block; i += rounded->together()) {
          Value products = rounded->multiply(run.integers(i, rounded->together()), x, b.add(k, i));
          Value real = arith::SIToFPOp::create(b, floats, products);
          next[row] = b.fma(real, scalesOfLanes(scales, i / form.part(), form.part()), next[row]);
        }
        if (hasMinima)
          next[count + row] = b.fma(run.allMinima(), inputSums, next[count + row]);
      }
      return next;
    });
    SmallVector<Value> results;
    for (size_t row = 0; row < count; ++row) {
      Value result = b.sumLanes(sums[row]);
      if (hasMinima)
        result = b.addf(result, b.sumLanes(sums[count + row]));
      results.push_back(result);
    }
    return results;
  }

  /// The scale of each lane that sums products, the first of them of part `first`.
  Value scalesOfLanes(Value scales, int64_t first, int64_t part) {
    constexpr int64_t kLanes = QuantizedRows::kLanes;
    SmallVector<int64_t> order;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      order.push_back(first + lane * rounded->together() / kLanes / part);
    return vector::ShuffleOp::create(b, scales, scales, order);
  }

  /// One sum over all inputs for each weight row.
  SmallVector<Value> emitDots(ArrayRef<Value> weightRows, Value x) {
    bool bf16Dot = schedule.getDot() == DotKind::Bf16;
    int64_t lanes = weight.vectorLanes(schedule.getLanes()), vector = bf16Dot ? 2 * lanes : lanes;
    // Whole blocks, so that a scale is loaded once.
    int64_t step = std::max(vector, weight.blockElements()), main = inputs / step * step;

    auto accumulate = [&](Value k, ValueRange sums, int64_t count, int64_t width, bool dot) {
      KernelBuilder::Values next(sums.begin(), sums.end());
      SmallVector<WeightOperand::Run> runs;
      for (Value weightRow : weightRows)
        runs.push_back(weight.run(weightRow, k));
      for (int64_t i = 0; i < count; i += width) {
        Value inputAddress = b.at(x, b.mul(b.add(k, i), bytesOf(inputElement)));
        Value inputVector = dot ? b.load(b.vectorOf(inputElement, width), inputAddress, 2)
                                : b.loadF32(inputElement, inputAddress, width);
        for (auto [run, sum] : llvm::zip_equal(runs, next)) {
          // Each line of the cache once, and each block.
          if (schedule.getPrefetch() && i == 0 && (weight.hasBlocks() || weight.bytes(width) == 64))
            run.prefetch(schedule.getPrefetch());
          sum = dot ? b.dotBf16(sum, run.numbers(width), inputVector) : b.fma(run.vector(i, width), inputVector, sum);
        }
      }
      return next;
    };
    SmallVector<Value> sums(weightRows.size(), b.splat(0.0f, lanes));
    if (main)
      sums = b.loop(b.i64(0), b.i64(main), step, sums,
                    [&](Value k, ValueRange carried) { return accumulate(k, carried, step, vector, bf16Dot); });
    SmallVector<Value> results;
    for (Value sum : sums)
      results.push_back(b.sumLanes(sum));
    // The rest behind the last full vector is read with narrower vectors, each half as wide as the one before.
    int64_t done = main;
    for (int64_t width = vector; width >= 1; width /= 2) {
      if (inputs - done < width)
        continue;
      SmallVector<Value> zero(weightRows.size(), b.splat(0.0f, width));
      SmallVector<Value> partial = accumulate(b.i64(done), zero, width, width, false);
      for (auto [result, part] : llvm::zip_equal(results, partial))
        result = b.addf(result, b.sumLanes(part));
      done += width;
    }
    return results;
  }

  /// Address of the result's row.
  Value targetOf(TileOfRow &tile) {
    if (!tile.target)
      tile.target = b.at(frame->result(0), b.mul(tile.row, resultLayout().strideBytes()));
    return tile.target;
  }
  ActivationLayout resultLayout() { return ActivationLayout(region.kernel.getResultTypes().front()); }

  void emitStage(const BiasStage &stage, TileOfRow &tile) {
    const Section &section = tile.section;
    WeightOperand bias(b, stage.bias.getType());
    auto loadBias = [&](unsigned part, int64_t base) {
      Value address = frame->argument(stage.bias, pointersOf(stage.bias.getType()) > 1 ? part : 0);
      WeightOperand::Run values = bias.run(address, b.add(tile.at.rowOffset, base));
      if (section.rowStride == 1)
        return values.vector(0, section.run);
      SmallVector<Value> scalars;
      for (int64_t i = 0; i < section.run; ++i)
        scalars.push_back(values.scalar(i * section.rowStride));
      return b.fromScalars(scalars);
    };
    tile.a = b.addf(tile.a, loadBias(section.firstPart, section.firstBase));
    if (tile.c)
      tile.c = b.addf(tile.c, loadBias(section.secondPart, section.secondBase));
  }

  void emitStage(const RotateStage &stage, TileOfRow &tile) {
    RotateOp rotate = stage.op;
    int64_t head = rotate.getHeadDim(), run = tile.section.run;
    Value tableRow = b.at(frame->argument(rotate.getTable()), b.mul(tile.row, head * 4));
    Value pair = b.mul(tile.at.inGroup, run * 4);
    Value cosine = b.loadF32(b.getF32Type(), b.at(tableRow, pair), run);
    Value sine = b.loadF32(b.getF32Type(), b.at(tableRow, b.add(pair, head / 2 * 4)), run);
    std::tie(tile.a, tile.c) = b.rotatePair(tile.a, tile.c, cosine, sine);
  }

  void emitStage(const GateStage &stage, TileOfRow &tile) {
    tile.a = b.mulf(activate(b, GateOp(stage.op).getActivation(), tile.a), tile.c);
    tile.c = Value();
  }

  void emitStage(const ResidualStage &stage, TileOfRow &tile) {
    // Both rows have one offset: the addresses are computed together.
    targetOf(tile);
    auto type = cast<RankedTensorType>(stage.other.getType());
    Type other = type.getElementType();
    Value otherRow = b.at(frame->argument(stage.other), b.mul(tile.row, type.getDimSize(1) * bytesOf(other)));
    auto loadOther = [&](int64_t base) {
      return b.loadF32(other, b.at(otherRow, b.mul(b.add(tile.at.rowOffset, base), bytesOf(other))), tile.section.run);
    };
    tile.a = b.addf(tile.a, loadOther(tile.section.firstOutput));
    if (tile.c)
      tile.c = b.addf(tile.c, loadOther(tile.section.secondOutput));
  }

  void emitStage(const StoreStage &, TileOfRow &tile) {
    storeRuns(tile, resultLayout().element, targetOf(tile), tile.at.rowOffset);
  }

  void emitStage(const AppendStage &stage, TileOfRow &tile) {
    KVAppendOp append = stage.op;
    CacheAddress cache(b, *frame, append.getKv());
    Value position = b.loadI32(b.at(frame->argument(append.getPositions()), b.mul(tile.row, 4)));
    Value real = b.compare(arith::CmpIPredicate::sge, position, b.i32(0));
    b.ifThen(real, [&] {
      Value sequence = b.widen(b.loadI32(b.at(frame->argument(append.getSequences()), b.mul(tile.row, 4))));
      Value offset = b.add(cache.rowOffset(b, sequence, b.widen(position)), b.mul(tile.at.group, cache.headBytes()));
      Value pool = stage.isKeys ? cache.keys : cache.values;
      storeRuns(tile, cache.type.getElementType(), b.at(pool, offset),
                b.sub(tile.at.rowOffset, b.mul(tile.at.group, tile.section.groupRows)));
    });
  }

  /// Stores the first run at feature rowOffset + firstOutput of a row-major row, and the second at rowOffset +
  /// secondOutput.
  void storeRuns(const TileOfRow &tile, Type element, Value row, Value rowOffset) {
    const Section &section = tile.section;
    Value start = b.at(row, b.mul(rowOffset, bytesOf(element)));
    if (section.rowStride == 2) {
      // A and B are the even and odd features of one stretch.
      b.storeF32(vector::InterleaveOp::create(b, tile.a, tile.c), element,
                 b.at(start, section.firstOutput * bytesOf(element)));
      return;
    }
    b.storeF32(tile.a, element, b.at(start, section.firstOutput * bytesOf(element)));
    if (tile.c)
      b.storeF32(tile.c, element, b.at(start, section.secondOutput * bytesOf(element)));
  }

  KernelBuilder &b;
  LinearTiles &region;
  CpuLinearScheduleAttr schedule;
  int64_t inputs;
  LinearOp linear;
  WeightOperand weight;
  /// Of the input before it is rounded to integers.
  Type inputElement;
  std::optional<QuantizedRows> rounded;
  KernelFrame *frame = nullptr;
  Value rows, input;
};

} // namespace

int64_t linearFewScratchBytes(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule, int64_t maxRows) {
  int64_t bytes = 0;
  if (region.norm())
    bytes = llvm::alignTo(maxRows * region.inputs() * bytesOf(getElementTypeOrSelf(region.exactInputType())),
                          kArenaAlignment);
  if (region.quantize())
    bytes += maxRows * QuantizedRows(b, region, schedule.getDot()).rowBytes();
  return llvm::alignTo(bytes, kArenaAlignment);
}

void emitLinearFew(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule, StringRef symbol) {
  FewEmitter(b, region, schedule).emit(symbol);
}

} // namespace quipu::codegen::cpu
