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

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {
namespace {

class FewEmitter {
public:
  FewEmitter(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule)
      : b(b), region(region), schedule(schedule), inputs(region.inputs()), linear(region.linear),
        weightElement(cast<RankedTensorType>(linear.getWeight().getType()).getElementType()),
        inputElement(cast<RankedTensorType>(linear.getInput().getType()).getElementType()) {}

  void emit(StringRef symbol) {
    KernelFrame entry(b, region.kernel, symbol);
    frame = &entry;
    rows = region.rowCount(entry);
    prepareInput();

    SmallVector<Section> sections = region.sections(schedule.getRun());
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
  /// After this, row t of the product's input lies at `input + t * inputs * bytes`, row-major, of type inputElement.
  void prepareInput() {
    Value source = frame->argument(region.source());
    if (!region.norm) {
      input = source;
      return;
    }
    input = frame->scratch;
    RMSNormOp norm = region.norm;
    Value gain = frame->argument(norm.getWeight());
    Type gainElement = cast<RankedTensorType>(norm.getWeight().getType()).getElementType();
    ActivationLayout layout(region.source().getType());
    Value indices = region.gather ? frame->argument(region.gather.getRows()) : Value();

    b.loop(b.i64(0), rows, 1, [&](Value row) {
      Value from = indices ? b.widen(b.loadI32(b.at(indices, b.mul(row, 4)))) : row;
      int64_t lanes = layout.lanes ? 1 : widestVector(inputs, schedule.getLanes());
      // Where feature k of the row lies: side by side, or `layout.lanes` apart when rows lie in lanes.
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
        Value g = b.loadF32(gainElement, b.at(gain, b.mul(k, bytesOf(gainElement))), lanes);
        b.storeF32(b.mulf(b.mulf(loadInput(k), scales), g), inputElement, b.at(out, b.mul(k, bytesOf(inputElement))));
      });
    });
  }

  void emitTile(const Section &section, Value tile) {
    TilePosition at(b, section, tile);
    SmallVector<Value> weightRows = region.weightRows(b, *frame, section, at.f);

    b.loop(b.i64(0), rows, 1, [&](Value row) {
      SmallVector<Value> dots = emitDots(weightRows, b.at(input, b.mul(row, inputs * bytesOf(inputElement))));
      Value a = b.fromScalars(ArrayRef<Value>(dots).take_front(section.run));
      Value c = section.hasB ? b.fromScalars(ArrayRef<Value>(dots).drop_front(section.run)) : Value();
      emitEpilogue(section, at, row, a, c);
    });
  }

  /// One sum over all inputs for each weight row.
  SmallVector<Value> emitDots(ArrayRef<Value> weightRows, Value x) {
    int64_t weightBytes = bytesOf(weightElement), inputBytes = bytesOf(inputElement);
    bool bf16Dot = schedule.getDot() == DotKind::Bf16;
    int64_t lanes = schedule.getLanes(), step = bf16Dot ? 2 * lanes : lanes;
    int64_t main = inputs / step * step;

    auto accumulate = [&](Value k, ValueRange sums, int64_t width, bool dot) {
      KernelBuilder::Values next;
      Value inputVector = dot ? b.load(b.vectorOf(inputElement, width), b.at(x, b.mul(k, inputBytes)), 2)
                              : b.loadF32(inputElement, b.at(x, b.mul(k, inputBytes)), width);
      for (auto [index, weightRow] : llvm::enumerate(weightRows)) {
        Value address = b.at(weightRow, b.mul(k, weightBytes));
        if (schedule.getPrefetch() && width * weightBytes == 64)
          b.prefetch(b.at(address, schedule.getPrefetch()));
        if (dot)
          next.push_back(b.dotBf16(sums[index], b.load(b.vectorOf(weightElement, width), address, 2), inputVector));
        else
          next.push_back(b.fma(b.loadF32(weightElement, address, width), inputVector, sums[index]));
      }
      return next;
    };
    SmallVector<Value> sums(weightRows.size(), b.splat(0.0f, lanes));
    if (main)
      sums = b.loop(b.i64(0), b.i64(main), step, sums,
                    [&](Value k, ValueRange carried) { return accumulate(k, carried, step, bf16Dot); });
    SmallVector<Value> results;
    for (Value sum : sums)
      results.push_back(b.sumLanes(sum));
    // What a full vector does not divide: narrower vectors, each half as wide as the one before.
    int64_t done = main;
    for (int64_t width = step; width >= 1; width /= 2) {
      if (inputs - done < width)
        continue;
      SmallVector<Value> zero(weightRows.size(), b.splat(0.0f, width));
      SmallVector<Value> partial = accumulate(b.i64(done), zero, width, false);
      for (auto [result, part] : llvm::zip_equal(results, partial))
        result = b.addf(result, b.sumLanes(part));
      done += width;
    }
    return results;
  }

  /// `a` and `c`: the product's values in run A and run B, vectors of `run` elements.
  void emitEpilogue(const Section &section, const TilePosition &at, Value row, Value a, Value c) {
    Value f = at.f, group = at.group, inGroup = at.inGroup;
    int64_t run = section.run;
    if (linear.getBias()) {
      Type element = cast<RankedTensorType>(linear.getBias().getType()).getElementType();
      auto loadBias = [&](unsigned part, int64_t base) {
        Value start = b.at(frame->argument(linear.getBias(), pointersOf(linear.getBias().getType()) > 1 ? part : 0),
                           b.mul(b.add(f, base), bytesOf(element)));
        if (section.rowStride == 1)
          return b.loadF32(element, start, run);
        SmallVector<Value> scalars;
        for (int64_t i = 0; i < run; ++i)
          scalars.push_back(b.loadF32(element, b.at(start, i * section.rowStride * bytesOf(element)), 0));
        return b.fromScalars(scalars);
      };
      a = b.addf(a, loadBias(section.partA, section.baseA));
      if (c)
        c = b.addf(c, loadBias(section.partB, section.baseB));
    }
    if (section.rotate) {
      RotateOp rotate = region.rotateQuery;
      int64_t head = rotate.getHeadDim();
      Value tableRow = b.at(frame->argument(rotate.getTable()), b.mul(row, head * 4));
      Value pair = b.mul(inGroup, run * 4);
      Value cosine = b.loadF32(b.getF32Type(), b.at(tableRow, pair), run);
      Value sine = b.loadF32(b.getF32Type(), b.at(tableRow, b.add(pair, head / 2 * 4)), run);
      std::tie(a, c) = b.rotatePair(a, c, cosine, sine);
    }
    if (section.gate) {
      a = b.mulf(activate(b, region.gate.getActivation(), a), c);
      c = Value();
    }

    Value target;
    Type element;
    if (section.sink == Sink::Result) {
      ActivationLayout layout(region.kernel.getResultTypes().front());
      element = layout.element;
      target = b.at(frame->result(0), b.mul(row, layout.strideBytes()));
      if (region.residual) {
        Type other = cast<RankedTensorType>(region.residualOperand().getType()).getElementType();
        Value otherRow = b.at(frame->argument(region.residualOperand()), b.mul(row, layout.width * bytesOf(other)));
        auto loadOther = [&](int64_t base) {
          return b.loadF32(other, b.at(otherRow, b.mul(b.add(f, base), bytesOf(other))), run);
        };
        a = b.addf(a, loadOther(section.outA));
        if (c)
          c = b.addf(c, loadOther(section.outB));
      }
      storeRuns(section, element, target, f, a, c);
      return;
    }

    KVAppendOp append = region.append;
    CacheAddress cache(b, *frame, append.getKv());
    Value position = b.loadI32(b.at(frame->argument(append.getPositions()), b.mul(row, 4)));
    Value real = b.compare(arith::CmpIPredicate::sge, position, b.i32(0));
    b.ifThen(real, [&] {
      Value sequence = b.widen(b.loadI32(b.at(frame->argument(append.getSequences()), b.mul(row, 4))));
      Value offset = b.add(cache.rowOffset(b, sequence, b.widen(position)), b.mul(group, cache.headBytes()));
      Value pool = section.sink == Sink::Keys ? cache.keys : cache.values;
      storeRuns(section, cache.type.getElementType(), b.at(pool, offset), b.sub(f, b.mul(group, section.groupRows)), a,
                c);
    });
  }

  /// Stores run A at feature f + outA and run B at f + outB of a row-major row.
  void storeRuns(const Section &section, Type element, Value row, Value f, Value a, Value c) {
    Value start = b.at(row, b.mul(f, bytesOf(element)));
    if (section.rowStride == 2) {
      // A and B are the even and odd features of one stretch.
      b.storeF32(vector::InterleaveOp::create(b, a, c), element, b.at(start, section.outA * bytesOf(element)));
      return;
    }
    b.storeF32(a, element, b.at(start, section.outA * bytesOf(element)));
    if (c)
      b.storeF32(c, element, b.at(start, section.outB * bytesOf(element)));
  }

  KernelBuilder &b;
  LinearTiles &region;
  CpuLinearScheduleAttr schedule;
  int64_t inputs;
  LinearOp linear;
  Type weightElement, inputElement;
  KernelFrame *frame = nullptr;
  Value rows, input;
};

} // namespace

void emitLinearFew(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule, StringRef symbol) {
  FewEmitter(b, region, schedule).emit(symbol);
}

} // namespace quipu::codegen::cpu
