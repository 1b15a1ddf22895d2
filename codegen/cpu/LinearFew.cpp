//===- LinearFew.cpp - Linear kernels for a handful of rows ------------------===//
//
// Reading the weight dominates. A vector holds consecutive features of one row:
//
//   normalise the input rows into scratch            (every thread for itself: cheaper than a barrier)
//   for each tile of 2 * run weight rows             (the grid: a thread streams neighbouring tiles)
//     for every `streams` rows of each of both runs
//       for each input row
//         sums[2 * streams] = weight row . input     (vectors; the weight's rows stay in L1 for the next input row)
//     for each input row
//       sum lanes, epilogue on vectors of `run` features, store
//
// Both runs of a tile are parts of two long streams: gate and up, or the two halves of all rows. Hardware follows these
// from tile to tile. Even and odd rows of a rotation are one stream, and are multiplied one by one.
//
// If the rows of the weight lie interleaved, a run is a group of them, and a vector holds a sum of each. Nothing is
// summed over lanes, and all tiles are as many streams as the schedule has: one, the two from above, or neighbours
// (InterleavedProduct.h). If the schedule asks for sums in the order of the inputs, a vector holds a sum of each row
// too (OrderedProduct.h).
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Activation.h"
#include "codegen/common/Arguments.h"
#include "codegen/common/CacheAddress.h"
#include "codegen/common/Divisor.h"
#include "codegen/common/OpLocation.h"
#include "codegen/cpu/ArgMax.h"
#include "codegen/cpu/Emitters.h"
#include "codegen/cpu/InterleavedProduct.h"
#include "codegen/cpu/LinearTiles.h"
#include "codegen/cpu/LogProb.h"
#include "codegen/cpu/OrderedProduct.h"
#include "codegen/cpu/QuantizedInput.h"
#include "codegen/cpu/WeightOperand.h"
#include "runtime/abi/KernelAbi.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {
namespace {

bool isInterleaved(LinearTiles &region) { return interleaveOf(region.weightType()) > 1; }

/// Whether products are added in the order of the inputs, of a weight whose rows lie in order.
bool isOrdered(LinearTiles &region, CpuLinearScheduleAttr schedule) {
  return schedule.getSums() == SumOrder::InOrder && !isInterleaved(region);
}

/// Whether lanes have rows of the weight.
bool hasWeightRows(LinearTiles &region, CpuLinearScheduleAttr schedule) {
  return isInterleaved(region) || isOrdered(region, schedule);
}

/// Lanes of the sums of one row of the weight.
int64_t sumLanes(LinearTiles &region, CpuLinearScheduleAttr schedule) {
  if (hasWeightRows(region, schedule))
    return 1;
  return region.quantize() ? QuantizedRows::sumLanes(region, schedule) : schedule.getLanes();
}

/// Bytes of the sums of a tile for one row of the input, which scratch memory begins with.
int64_t sumsBytes(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule) {
  int64_t bytes = isOrdered(region, schedule) ? OrderedProduct(b, region, schedule).sumsBytes()
                                              : 2 * schedule.getRun() * sumLanes(region, schedule) * 4;
  return llvm::alignTo(bytes, kCacheLineBytes);
}

/// Rows of a tile that are multiplied side by side.
int64_t rowsAtOnce(CpuLinearScheduleAttr schedule) {
  return 2 * (schedule.getStreams() ? schedule.getStreams() : schedule.getRun());
}

/// Bytes of the scales of products of one row of the weight. Rows in lanes have theirs in vectors.
int64_t scaleRowBytes(LinearTiles &region, CpuLinearScheduleAttr schedule) {
  if (hasWeightRows(region, schedule))
    return 0;
  int64_t scales = region.inputs() / integerFormOf(region, schedule.getDot()).part();
  return llvm::alignTo(scales * 4, kCacheLineBytes);
}

/// Whether even and odd values of a weight are multiplied apart, as f32. Vectors of 16 lanes keep up with memory
/// anyway.
bool dividesPairs(LinearTiles &region, CpuLinearScheduleAttr schedule) {
  return !isOrdered(region, schedule) && schedule.getDot() == DotKind::Fma && schedule.getLanes() == 8 &&
         getElementTypeOrSelf(region.linear.getWeight()).isBF16();
}

constexpr int64_t kPointerBytes = 8;

/// The most groups of interleaved rows of a tile. A group has a vector of rows, or the rest of a run.
int64_t groupsOfTile(CpuLinearScheduleAttr schedule) {
  return 2 * static_cast<int64_t>(llvm::divideCeil(schedule.getRun(), schedule.getLanes()));
}

/// Bytes of the addresses of the groups of two tiles.
int64_t groupTableBytes(CpuLinearScheduleAttr schedule) {
  return llvm::alignTo(2 * groupsOfTile(schedule) * kPointerBytes, kCacheLineBytes);
}

class FewEmitter {
public:
  FewEmitter(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule)
      : b(b), region(region), schedule(schedule), inputs(region.inputs()), linear(region.linear),
        weight(b, linear.getWeight().getType()), inputElement(getElementTypeOrSelf(region.exactInputType())) {
    if (region.quantize())
      rounded.emplace(b, region, schedule, hasWeightRows(region, schedule));
    if (isInterleaved(region))
      interleaved.emplace(b, region, schedule, *rounded);
    if (isOrdered(region, schedule))
      ordered.emplace(b, region, schedule, rounded ? &*rounded : nullptr);
  }

  void emit(StringRef symbol) {
    KernelFrame entry(b, region.kernel, symbol);
    frame = &entry;
    rows = region.rowCount(entry);
    input = b.at(frame->scratch, b.mul(rows, sumsBytes(b, region, schedule)));
    if (rounded) {
      scalesOfRows = input;
      input = b.at(input, rowsAtOnce(schedule) * scaleRowBytes(region, schedule));
    }
    if (ordered) {
      words = input;
      input = b.at(input, ordered->scratchBytes());
    }
    if (interleaved) {
      groupTable = input;
      numbersOfGroups = b.at(groupTable, groupTableBytes(schedule));
      input = b.at(numbersOfGroups, interleaved->scratchBytes(groupsOfTile(schedule)));
    }
    SmallVector<Section> sections = region.tiles(schedule);
    if (schedule.getPrefetch() && interleaved)
      prefetchFirstGroups(sections);
    prepareInput();
    if (ordered && ordered->wantsWideInput())
      widenInput();
    if (rounded)
      roundInput();
    if (dividesPairs(region, schedule))
      divideInput();

    forTiles(sections, entry.end,
             [&](const Section &section, Value tile, int64_t first) { emitTile(section, tile, b.add(tile, first)); });
  }

private:
  /// Calls body(section, tile, first) for the tiles from the entry's first one to `end`, in loops. `tile` is the tile's
  /// number in its section, whose first tile is number `first` of all.
  void forTiles(ArrayRef<Section> sections, Value end, llvm::function_ref<void(const Section &, Value, int64_t)> body) {
    int64_t first = 0;
    for (const Section &section : sections) {
      // The part of [begin, end) that lies in this section.
      Value lower = b.max(b.sub(frame->begin, b.i64(first)), b.i64(0));
      Value upper = b.min(b.sub(end, b.i64(first)), b.i64(section.tiles));
      b.loop(lower, upper, 1, [&](Value tile) { body(section, tile, first); });
      first += section.tiles;
    }
  }

  /// Asks for the beginnings of the groups that are read first, for which no group before them asks. They come while
  /// the input is prepared.
  void prefetchFirstGroups(ArrayRef<Section> sections) {
    Value behindFirst = b.min(frame->end, b.add(frame->begin, 1));
    forTiles(sections, behindFirst, [&](const Section &section, Value tile, int64_t) {
      SmallVector<Value> starts = groupStarts(section, TilePosition(b, section, tile));
      GroupOrder order = orderOf(std::ssize(starts));
      for (int64_t i = 0; i < order.streams; ++i)
        interleaved->prefetchStart(starts[static_cast<size_t>(i * order.apart())]);
    });
  }

  /// The sums of a tile for one row of the input: run A and run B, vectors of `run` elements. A stage that makes one
  /// value of two leaves no run B.
  struct TileOfRow {
    const Section &section;
    const TilePosition &at;
    /// The tile's number among those of all sections.
    Value number;
    Value row, a, c;
    /// Where the result's row begins; see targetOf.
    Value target = {};
  };

  /// Prepares the input. Afterwards row t of the product's input lies at `exactInput + t * exactRowBytes()`, row-major,
  /// of type inputElement.
  void prepareInput() {
    Value source = frame->argument(region.source());
    RMSNormOp norm = region.norm();
    if (!norm) {
      exactInput = source;
      return;
    }
    OpLocation location(b, norm);
    exactInput = input;
    Value gain = frame->argument(norm.getWeight());
    WeightOperand gains(b, norm.getWeight().getType());
    ActivationLayout layout(region.source().getType());
    GatherRowsOp gather = region.gather();
    Value indices = gather ? frame->argument(gather.getRows()) : Value();

    b.loop(b.i64(0), rows, 1, [&](Value row) {
      Value from = row;
      if (gather) {
        OpLocation ofGather(b, gather);
        from = b.widen(b.loadI32(b.at(indices, b.mul(row, 4))));
      }
      int64_t lanes = widestVector(inputs, schedule.getLanes());
      // Address of feature k of the row. Features lie side by side, or `layout.lanes` elements apart if rows lie in
      // lanes. In both cases they are added in the same order.
      Value base = layout.lanes
                       ? b.at(source, b.add(b.mul(b.div(from, layout.lanes), layout.strideBytes()),
                                            b.mul(b.rem(from, layout.lanes), layout.pack * layout.elementBytes())))
                       : b.at(source, b.mul(from, layout.strideBytes()));
      auto loadInput = [&](Value k) {
        if (!layout.lanes)
          return b.loadF32(layout.element, b.at(base, layout.featureOffset(b, k)), lanes);
        SmallVector<Value> features;
        for (int64_t i = 0; i < lanes; ++i)
          features.push_back(b.loadF32(layout.element, b.at(base, layout.featureOffset(b, b.add(k, i))), 0));
        return b.fromScalars(features);
      };
      SmallVector<Value> sum =
          b.loop(b.i64(0), b.i64(inputs), lanes, {b.splat(0.0f, lanes)}, [&](Value k, ValueRange carried) {
            Value x = loadInput(k);
            return KernelBuilder::Values{b.fma(x, x, carried[0])};
          });
      Value mean = b.mulf(b.sumLanes(sum[0]), b.f32(1.0f / static_cast<float>(inputs)));
      Value scale = b.rsqrt(b.addf(mean, b.f32(static_cast<float>(norm.getEps().convertToDouble()))));
      Value scales = b.splat(scale, lanes);
      Value out = b.at(exactInput, b.mul(row, exactRowBytes()));
      b.loop(b.i64(0), b.i64(inputs), lanes, [&](Value k) {
        Value g = gains.run(gain, k).vector(0, lanes);
        b.storeF32(b.mulf(b.mulf(loadInput(k), scales), g), inputElement, b.at(out, b.mul(k, bytesOf(inputElement))));
      });
    });
  }

  /// After this, row t of the product's input are integers and scales at `input + t * rounded->rowBytes()`.
  void roundInput() {
    OpLocation location(b, region.quantize());
    // Behind the rows that a norm has made.
    if (region.norm())
      input = b.at(input, b.mul(rows, exactRowBytes()));
    b.loop(b.i64(0), rows, 1, [&](Value row) {
      rounded->round(inputElement, b.at(exactInput, b.mul(row, exactRowBytes())),
                     b.at(input, b.mul(row, rounded->rowBytes())), schedule.getLanes());
    });
  }

  /// After this, row t of the product's input are f32 at `exactInput + t * exactRowBytes()`.
  void widenInput() {
    Value target = region.norm() ? b.at(input, b.mul(rows, exactRowBytes())) : input;
    int64_t width = widestVector(inputs, schedule.getLanes());
    b.loop(b.i64(0), b.mul(rows, inputs), width, [&](Value i) {
      Value values = b.loadF32(inputElement, b.at(exactInput, b.mul(i, bytesOf(inputElement))), width);
      b.store(values, b.at(target, b.mul(i, 4)), 4);
    });
    exactInput = target;
    inputElement = b.getF32Type();
  }

  /// After this, 2 * lanes values of row t of the product's input lie at `input + (t * inputs + k) * 4` as f32, the
  /// even ones before the odd ones, where k is a multiple of 2 * lanes.
  void divideInput() {
    // Behind the rows that a norm has made.
    if (region.norm())
      input = b.at(input, b.mul(rows, exactRowBytes()));
    int64_t lanes = schedule.getLanes(), step = 2 * lanes;
    b.loop(b.i64(0), rows, 1, [&](Value row) {
      Value from = b.at(exactInput, b.mul(row, exactRowBytes())), to = b.at(input, b.mul(row, inputs * 4));
      b.loop(b.i64(0), b.i64(inputs / step * step), step, [&](Value k) {
        Value values = b.loadF32(inputElement, b.at(from, b.mul(k, bytesOf(inputElement))), step);
        auto divided = vector::DeinterleaveOp::create(b, values);
        b.store(divided.getRes1(), b.at(to, b.mul(k, 4)), 4);
        b.store(divided.getRes2(), b.at(to, b.add(b.mul(k, 4), lanes * 4)), 4);
      });
    });
  }

  /// Values of a row of the weight that are read for their scales before they are multiplied.
  int64_t valuesOfStretch() const {
    int64_t together = rounded->sumLanes() * weight.blockElements();
    return std::max<int64_t>(kStretchBytes / weight.bytes(together), 1) * together;
  }

  int64_t exactRowBytes() const { return inputs * bytesOf(inputElement); }

  /// Address of the sums of row `number` of a tile for one row of the input.
  Value sumsAt(Value row, Value number) {
    return b.at(frame->scratch,
                b.add(b.mul(row, sumsBytes(b, region, schedule)), b.mul(number, sumLanes(region, schedule) * 4)));
  }

  void emitTile(const Section &section, Value tile, Value number) {
    TilePosition at(b, section, tile);
    if (interleaved)
      emitInterleavedSums(section, tile, at);
    else if (ordered)
      ordered->emit(*frame, section, at.rowOffset,
                    {.rows = rows,
                     .input = rounded ? input : exactInput,
                     .inputRowBytes = rounded ? rounded->rowBytes() : exactRowBytes(),
                     .sums = frame->scratch,
                     .sumsRowBytes = sumsBytes(b, region, schedule)},
                    words);
    else
      emitSums(section, at);
    b.loop(b.i64(0), rows, 1, [&](Value row) {
      auto [first, second] = interleaved ? loadInterleavedSums(section, row)
                             : ordered   ? loadRuns(section, row)
                                         : loadSums(section, row);
      TileOfRow values{section, at, number, row, first, second};
      OpLocation location(b, nullptr);
      for (const EpilogueStage &stage : section.stages) {
        location.enter(opOf(stage));
        std::visit([&](const auto &kind) { emitStage(kind, values); }, stage);
      }
    });
  }

  /// How many of `count` streams, rows of a run or groups of rows of a tile, are read side by side: a number that
  /// divides that of all.
  int64_t sideBySide(int64_t count) {
    return largestDivisor(count, schedule.getStreams() ? schedule.getStreams() : count);
  }

  SmallVector<Value> groupStarts(const Section &section, const TilePosition &at) {
    SmallVector<Value> starts;
    for (const LinearTiles::RowGroup &group : region.rowGroups(b, *frame, section, at.rowOffset))
      starts.push_back(group.start);
    return starts;
  }

  /// The order in which the groups of rows of a tile are read: so many side by side in each step. Two go through the
  /// halves of the tile. If the schedule has two streams, these are its runs, which are parts of two long streams. More
  /// than two groups are neighbours.
  struct GroupOrder {
    int64_t streams, steps;
    bool byHalves() const { return streams == 2; }
    int64_t apart() const { return byHalves() ? steps : 1; }
    int64_t firstOfStep() const { return byHalves() ? 1 : streams; }
  };

  GroupOrder orderOf(int64_t groups) {
    int64_t streams = sideBySide(groups);
    return {streams, groups / streams};
  }

  /// Stores the sums of the tile for all rows of the input. As many groups of rows as the schedule has streams are read
  /// side by side, in stretches, which are then in L1 for the next row of the input. Addresses come from a table, so
  /// that one loop has the code for all groups: of large blocks it takes kilobytes for each.
  void emitInterleavedSums(const Section &section, Value tile, const TilePosition &at) {
    SmallVector<Value> starts = groupStarts(section, at);
    int64_t count = static_cast<int64_t>(starts.size());
    GroupOrder order = orderOf(count);
    // What the streams read behind the last groups: those of the section's next tile. Another section's first tile
    // begins without requests.
    llvm::append_range(starts, groupStarts(section, TilePosition(b, section, b.add(tile, 1))));
    for (auto [i, start] : llvm::enumerate(starts))
      b.store(start, b.at(groupTable, static_cast<int64_t>(i) * kPointerBytes), kPointerBytes);
    b.loop(b.i64(0), b.i64(order.steps), 1, [&](Value step) {
      Value first = b.mul(step, order.firstOfStep());
      // From a group to the one that its stream reads next.
      Value toNext = b.i64(order.firstOfStep());
      if (order.byHalves()) {
        toNext = b.select(b.compare(arith::CmpIPredicate::eq, step, order.steps - 1), b.i64(count - order.steps + 1),
                          toNext);
      }
      SmallVector<InterleavedProduct::Group> groups;
      for (int64_t i = 0; i < order.streams; ++i) {
        Value group = b.at(groupTable, b.mul(b.add(first, i * order.apart()), kPointerBytes));
        groups.push_back({b.pointerAt(group, 0), b.pointerAt(b.at(group, b.mul(toNext, kPointerBytes)), 0)});
      }
      emitGroups(groups, first, order.apart());
    });
  }

  /// Stores the sums of some groups of the tile. The first is number `number`, and the next ones are `apart` groups
  /// behind each other.
  void emitGroups(ArrayRef<InterleavedProduct::Group> groups, Value number, int64_t apart) {
    int64_t lanes = interleaved->rows(), stretch = interleaved->stretch(static_cast<int64_t>(groups.size()));
    auto place = [&](Value row, size_t i) {
      return sumsAt(row, b.mul(b.add(number, static_cast<int64_t>(i) * apart), lanes));
    };
    b.loop(b.i64(0), rows, 1, [&](Value row) {
      for (size_t i = 0; i < groups.size(); ++i)
        b.store(b.splat(0.0f, lanes), place(row, i), 4);
    });
    b.loop(b.i64(0), b.i64(inputs), stretch, [&](Value first) {
      Value end = b.min(b.add(first, stretch), b.i64(inputs));
      b.loop(b.i64(0), rows, 1, [&](Value row) {
        KernelBuilder::Values sums;
        for (size_t i = 0; i < groups.size(); ++i)
          sums.push_back(b.loadF32(b.getF32Type(), place(row, i), lanes));
        Value x = b.at(input, b.mul(row, rounded->rowBytes()));
        for (auto [i, sum] : llvm::enumerate(interleaved->add(sums, groups, x, first, end, numbersOfGroups)))
          b.store(sum, place(row, i), 4);
      });
    });
  }

  /// The sums of both runs of a tile for one row of the input (null: there is no second run).
  std::pair<Value, Value> loadRuns(const Section &section, Value row) {
    auto run = [&](int64_t number) {
      return b.loadF32(b.getF32Type(), sumsAt(row, b.i64(number * section.run)), section.run);
    };
    return {run(0), section.hasSecond ? run(1) : Value()};
  }

  /// The same where the rows of both runs lie in the order of the weight.
  std::pair<Value, Value> loadInterleavedSums(const Section &section, Value row) {
    auto [first, second] = loadRuns(section, row);
    if (section.rowStride == 1)
      return {first, second};
    auto split = vector::DeinterleaveOp::create(b, b.join(first, second));
    return {split.getRes1(), split.getRes2()};
  }

  std::pair<Value, Value> loadSums(const Section &section, Value row) {
    auto sum = [&](int64_t first) {
      SmallVector<Value> sums;
      for (int64_t i = first; i < first + section.run; ++i)
        sums.push_back(b.loadF32(b.getF32Type(), sumsAt(row, b.i64(i)), sumLanes(region, schedule)));
      return b.sumLanesOfEach(sums);
    };
    Value first = sum(0);
    return {first, section.hasSecond ? sum(section.run) : Value()};
  }

  /// Stores the sums of each row of the weight for all rows of the input.
  void emitSums(const Section &section, const TilePosition &at) {
    if (section.rowStride == 2)
      return emitSumsOfNeighbours(section, at);
    int64_t count = sideBySide(section.run);
    b.loop(b.i64(0), b.i64(section.run), count, [&](Value first) {
      SmallVector<Value> numbers;
      for (int64_t run = 0; run <= int64_t(section.hasSecond); ++run)
        for (int64_t i = 0; i < count; ++i)
          numbers.push_back(b.add(first, run * section.run + i));
      emitSumsOfRows(region.weightRows(b, *frame, section, at.rowOffset, first, count), numbers);
    });
  }

  /// The same where the runs are the even and the odd rows of one stretch of memory. Two neighbours often lie in one
  /// page, where hardware follows one stream only. So rows are multiplied one by one, in the order of memory.
  void emitSumsOfNeighbours(const Section &section, const TilePosition &at) {
    Value start = region.weightRows(b, *frame, section, at.rowOffset, b.i64(0), 1).front();
    b.loop(b.i64(0), b.i64(section.tileRows), 1, [&](Value row) {
      Value number = b.add(b.mul(b.rem(row, 2), section.run), b.div(row, 2));
      emitSumsOfRows(b.at(start, b.mul(row, weight.rowBytes())), number);
    });
  }

  /// Stores the sums of rows of the weight, which are read side by side, for all rows of the input. `numbers`: those of
  /// the rows in the tile, counted through both runs.
  void emitSumsOfRows(ArrayRef<Value> weightRows, ArrayRef<Value> numbers) {
    b.loop(b.i64(0), rows, 1, [&](Value row) {
      SmallVector<Value> dots = rounded ? emitIntegerDots(weightRows, b.at(input, b.mul(row, rounded->rowBytes())))
                                        : emitDots(weightRows, row);
      for (auto [sums, number] : llvm::zip_equal(dots, numbers))
        b.store(sums, sumsAt(row, number), 4);
    });
  }

  /// Rows of the weight that are multiplied side by side, as integers.
  struct IntegerRows {
    ArrayRef<Value> rows;
    /// Address of the rounded input row, and those of the scales of each row of the weight in scratch.
    Value x;
    SmallVector<Value> scales;
    /// Sums of one row, which are added to in turns, so that an addition need not wait for the one before.
    size_t chains;
    /// Then one more sum for each row is that of minima.
    bool hasMinima;
    /// Whether all scales of a stretch are stored before its products.
    bool scalesFirst;
    /// Whether the products of the upper half of the lanes are too large by what integersInPlace() does not shift.
    bool inPlace;

    size_t sums() const { return (chains + hasMinima) * rows.size(); }
    size_t sum(size_t chain, size_t row) const { return chain * rows.size() + row; }
    /// The sum of minima among `all` sums (null: there is none).
    Value *minima(SmallVectorImpl<Value> &all, size_t row) const {
      return hasMinima ? &all[sum(chains, row)] : nullptr;
    }
  };

  /// The same as emitDots, of integers: x is the address of a rounded row. Scales go through scratch, from where an
  /// instruction takes each of them in all lanes. They come first, for a whole stretch of the row: this reads it from
  /// end to end, which is how memory gives it fastest. Only blocks with a scale for each 16 values come with their
  /// scales: these lie at the end of up to 210 bytes, and reading them alone misses the caches.
  SmallVector<Value> emitIntegerDots(ArrayRef<Value> weightRows, Value x) {
    IntegerForm form(schedule.getDot(), weight.layout());
    size_t count = weightRows.size();
    IntegerRows side{.rows = weightRows,
                     .x = x,
                     .scales = {},
                     .chains = (kSumChains + count - 1) / count,
                     .hasMinima = form.hasMinimum() || form.offsetIsMinimum(),
                     .scalesFirst = form.part() == kIntegersTogether,
                     .inPlace = schedule.getDot() == DotKind::Int8 && weight.bytesHoldBothHalves(rounded->together())};
    for (size_t row = 0; row < count; ++row)
      side.scales.push_back(b.at(scalesOfRows, static_cast<int64_t>(row) * scaleRowBytes(region, schedule)));

    SmallVector<Value> sums(side.sums(), b.splat(0.0f, rounded->sumLanes()));
    int64_t stretch = side.scalesFirst ? valuesOfStretch() : inputs, whole = inputs / stretch * stretch;
    if (whole)
      sums = b.loop(b.i64(0), b.i64(whole), stretch, sums,
                    [&](Value from, ValueRange carried) { return addStretch(side, from, stretch, carried); });
    if (whole < inputs)
      sums = addStretch(side, b.i64(whole), inputs - whole, sums);
    for (size_t i = count; i < side.chains * count; ++i)
      sums[i % count] = b.addf(sums[i % count], sums[i]);
    for (size_t row = 0; row < count; ++row) {
      if (side.inPlace)
        sums[row] = b.mulf(sums[row], upperHalfDividedBy(1 << weight.bitsOfLower()));
      if (Value *minima = side.minima(sums, row))
        sums[row] = b.addf(sums[row], *minima);
    }
    sums.resize(count);
    return sums;
  }

  /// Factors of a vector of sums: 1 for the lower half, and a power of two, which rounds nothing, for the upper half.
  Value upperHalfDividedBy(int64_t divisor) {
    int64_t half = rounded->sumLanes() / 2;
    return b.join(b.splat(1.0f, half), b.splat(1.0f / static_cast<float>(divisor), half));
  }

  /// The sums behind the products of the `values` values from feature `from` on.
  KernelBuilder::Values addStretch(const IntegerRows &side, Value from, int64_t values, ValueRange before) {
    KernelBuilder::Values sums(before.begin(), before.end());
    SmallVector<Value> scales;
    if (side.scalesFirst)
      for (auto [row, address] : llvm::enumerate(side.rows)) {
        emitScalesOfStretch(address, side.x, from, values, side.scales[row], side.minima(sums, row));
        scales.push_back(b.opaque(side.scales[row]));
      }
    int64_t block = weight.blockElements(), unit = rounded->together();
    int64_t step = std::max(block, std::min<int64_t>(static_cast<int64_t>(side.chains) * unit, values));
    while (values % step)
      step -= block;
    auto floats = b.vectorOf(b.getF32Type(), rounded->sumLanes());
    return b.loop(from, b.add(from, values), step, sums, [&](Value k, ValueRange carried) {
      KernelBuilder::Values next(carried.begin(), carried.end());
      for (int64_t first = 0; first < step; first += block)
        for (auto [row, address] : llvm::enumerate(side.rows)) {
          Value feature = b.add(k, first);
          WeightOperand::Run run = weight.run(address, feature);
          if (!side.scalesFirst)
            emitScales(run, side.x, feature, block, side.scales[row], side.minima(next, row));
          Value rowScales = side.scalesFirst ? scales[row] : b.opaque(side.scales[row]);
          Value firstScale = side.scalesFirst ? feature : b.i64(0);
          for (int64_t i = 0; i < block; i += unit) {
            Value integers = side.inPlace ? run.integersInPlace(i, unit) : run.integers(i, unit);
            Value products = rounded->multiply(integers, side.x, b.add(feature, i));
            Value &sum = next[side.sum(static_cast<size_t>((first + i) / unit) % side.chains, row)];
            sum = b.fma(arith::SIToFPOp::create(b, floats, products), scalesOfLanes(rowScales, b.add(firstScale, i)),
                        sum);
          }
        }
      return next;
    });
  }

  /// Stores the scales of products, of weight times input, for each part of the `values` values from feature `from` on:
  /// that of part i of the row at target[i]. `minima`: a vector, to whose sum what the minima of the values add is
  /// added (null: there are none).
  void emitScalesOfStretch(Value weightRow, Value x, Value from, int64_t values, Value target, Value *minima) {
    int64_t block = weight.blockElements(), part = IntegerForm(schedule.getDot(), weight.layout()).part();
    SmallVector<Value> carriedIn;
    if (minima)
      carriedIn.push_back(*minima);
    // As many blocks at a time as fill a vector with scales, then the rest.
    int64_t done = 0;
    for (int64_t blocks = block == part ? rounded->sumLanes() : 1; blocks; blocks /= 2) {
      int64_t step = blocks * block, end = values / step * step;
      if (done == end)
        continue;
      carriedIn = b.loop(b.add(from, done), b.add(from, end), step, carriedIn, [&](Value k, ValueRange carried) {
        KernelBuilder::Values next(carried.begin(), carried.end());
        emitScales(weight.run(weightRow, k, blocks), x, k, step, b.at(target, b.mul(b.div(k, part), 4)),
                   minima ? &next[0] : nullptr);
        return next;
      });
      done = end;
    }
    if (minima)
      *minima = carriedIn.front();
  }

  /// The same for the `count` values of a run that begins at feature k.
  void emitScales(const WeightOperand::Run &run, Value x, Value k, int64_t count, Value target, Value *minima) {
    IntegerForm form(schedule.getDot(), weight.layout());
    int64_t scales = count / form.part();
    if (schedule.getPrefetch())
      run.prefetch(schedule.getPrefetch(), count);
    b.store(b.mulf(run.allScales(), rounded->scales(x, k, scales)), target, 4);
    if (!minima)
      return;
    Value ofParts = run.allMinima();
    if (!ofParts)
      ofParts = b.mulf(run.allScales(), b.constantLike(run.allScales(), static_cast<float>(-form.offset())));
    *minima = b.addf(*minima, b.foldTo(b.mulf(ofParts, rounded->sums(x, k, scales)), rounded->sumLanes()));
  }

  /// The scale of each lane that sums products of the values from `feature` on.
  Value scalesOfLanes(Value scales, Value feature) {
    int64_t lanes = rounded->sumLanes();
    int64_t part = IntegerForm(schedule.getDot(), weight.layout()).part(), count = rounded->together() / part;
    Value values = b.loadF32(b.getF32Type(), b.at(scales, b.mul(b.div(feature, part), 4)), count == 1 ? 0 : count);
    return count == 1 ? b.splat(values, lanes) : b.spread(values, lanes);
  }

  /// For each weight row a vector whose sum is the product with the input.
  SmallVector<Value> emitDots(ArrayRef<Value> weightRows, Value row) {
    Value x = b.at(exactInput, b.mul(row, exactRowBytes()));
    bool bf16Dot = schedule.getDot() == DotKind::Bf16;
    int64_t lanes = weight.vectorLanes(schedule.getLanes()), vector = bf16Dot ? 2 * lanes : lanes;
    // An addition to the sum of a lone row would wait for the one before, so it has two.
    int64_t chains = weightRows.size() == 1 ? 2 : 1;
    // Whole blocks, so that a scale is loaded once.
    int64_t step = std::max(chains * vector, weight.blockElements()), main = inputs / step * step;

    auto accumulate = [&](Value k, ValueRange sums, int64_t count, int64_t width, bool dot) {
      KernelBuilder::Values next(sums.begin(), sums.end());
      SmallVector<WeightOperand::Run> runs;
      for (Value weightRow : weightRows)
        runs.push_back(weight.run(weightRow, k));
      for (int64_t i = 0; i < count; i += width) {
        Value inputAddress = b.at(x, b.mul(b.add(k, i), bytesOf(inputElement)));
        Value inputVector = dot ? b.load(b.vectorOf(inputElement, width), inputAddress, 2)
                                : b.loadF32(inputElement, inputAddress, width);
        for (auto [number, run] : llvm::enumerate(runs)) {
          if (schedule.getPrefetch() && i == 0)
            run.prefetch(schedule.getPrefetch(), count);
          Value &sum = next[(static_cast<size_t>(i / width) * runs.size() + number) % next.size()];
          sum =
              dot ? b.dotBf16(sum, run.numbers(i, width), inputVector) : b.fma(run.vector(i, width), inputVector, sum);
        }
      }
      return next;
    };
    SmallVector<Value> sums(static_cast<size_t>(chains) * weightRows.size(), b.splat(0.0f, lanes));
    if (dividesPairs(region, schedule)) {
      main = inputs / (2 * lanes) * (2 * lanes);
      sums = emitDotsOfPairs(weightRows, b.at(input, b.mul(row, inputs * 4)), main);
    } else if (main)
      sums = b.loop(b.i64(0), b.i64(main), step, sums,
                    [&](Value k, ValueRange carried) { return accumulate(k, carried, step, vector, bf16Dot); });
    if (sums.size() > weightRows.size())
      sums = {b.addf(sums[0], sums[1])};
    for (Value &sum : sums)
      sum = b.foldTo(sum, schedule.getLanes());
    // The rest behind the last full vector is read with narrower vectors, each half as wide as the one before.
    int64_t done = main;
    for (int64_t width = vector; width >= 1; width /= 2) {
      if (inputs - done < width)
        continue;
      bool dot = bf16Dot && width == vector;
      SmallVector<Value> zero(weightRows.size(), b.splat(0.0f, dot ? lanes : width));
      SmallVector<Value> partial = accumulate(b.i64(done), zero, width, width, dot);
      for (auto [sum, part] : llvm::zip_equal(sums, partial))
        sum = b.addf(sum, b.foldTo(part, schedule.getLanes()));
      done += width;
    }
    return sums;
  }

  /// The same for the first `count` inputs, whose even and odd values lie apart at address x. A step takes a line of
  /// the cache, which is requested once.
  SmallVector<Value> emitDotsOfPairs(ArrayRef<Value> weightRows, Value x, int64_t count) {
    int64_t lanes = schedule.getLanes(), pairs = 2 * lanes;
    size_t rowCount = weightRows.size();
    SmallVector<Value> sums(2 * rowCount, b.splat(0.0f, lanes));
    auto add = [&](Value from, ValueRange carried, int64_t values) {
      KernelBuilder::Values next(carried.begin(), carried.end());
      for (int64_t i = 0; i < values; i += pairs) {
        Value k = b.add(from, i), address = b.at(x, b.mul(k, 4));
        Value evenInput = b.loadF32(b.getF32Type(), address, lanes);
        Value oddInput = b.loadF32(b.getF32Type(), b.at(address, lanes * 4), lanes);
        for (auto [number, weightRow] : llvm::enumerate(weightRows)) {
          WeightOperand::Run run = weight.run(weightRow, k);
          if (schedule.getPrefetch() && i == 0)
            run.prefetch(schedule.getPrefetch(), values);
          auto [even, odd] = run.evenAndOdd(lanes);
          next[number] = b.fma(even, evenInput, next[number]);
          next[rowCount + number] = b.fma(odd, oddInput, next[rowCount + number]);
        }
      }
      return next;
    };
    int64_t line = kCacheLineBytes / weight.bytes(1), whole = count / line * line;
    if (whole)
      sums = b.loop(b.i64(0), b.i64(whole), line, sums,
                    [&](Value k, ValueRange carried) { return add(k, carried, line); });
    if (whole < count)
      sums = add(b.i64(whole), sums, count - whole);
    for (size_t i = 0; i < rowCount; ++i)
      sums[i] = b.addf(sums[i], sums[rowCount + i]);
    sums.resize(rowCount);
    return sums;
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

  void emitStage(const ArgMaxStage &, TileOfRow &tile) {
    BestOfTiles best(b, region, schedule);
    const Section &section = tile.section;
    BestLogit ofTile = best.of(tile.a, b.add(tile.at.rowOffset, section.firstOutput));
    if (tile.c)
      ofTile = best.better(ofTile, best.of(tile.c, b.add(tile.at.rowOffset, section.secondOutput)));
    best.store(ofTile, b.at(frame->workspace(0), b.mul(tile.row, best.rowBytes())), tile.number);
  }

  void emitStage(const LogProbStage &stage, TileOfRow &tile) {
    SoftmaxOfTiles softmax(b, region, schedule);
    const Section &section = tile.section;
    Value row = b.at(frame->workspace(0), b.mul(tile.row, softmax.rowBytes()));
    Value target = b.widen(b.loadI32(b.at(frame->argument(LogProbOp(stage.op).getTargets()), b.mul(tile.row, 4))));
    SmallVector<Value> logits = {tile.a};
    softmax.keepTarget(tile.a, b.add(tile.at.rowOffset, section.firstOutput), target, row);
    if (tile.c) {
      logits.push_back(tile.c);
      softmax.keepTarget(tile.c, b.add(tile.at.rowOffset, section.secondOutput), target, row);
    }
    softmax.keep(logits, row, tile.number);
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
  std::optional<InterleavedProduct> interleaved;
  std::optional<OrderedProduct> ordered;
  KernelFrame *frame = nullptr;
  /// Where the input as it is, and the rounded input, lie.
  Value rows, exactInput, input;
  Value scalesOfRows;
  /// Scratch of `ordered`.
  Value words;
  /// The addresses of the groups of interleaved rows of a tile, then of those of the next tile.
  Value groupTable;
  /// Scratch of `interleaved`.
  Value numbersOfGroups;

  /// Bytes of a stretch. While one is read for its scales, memory works and products wait; then products work and
  /// memory waits. Short stretches overlap. But each stretch has loops that begin and end.
  static constexpr int64_t kStretchBytes = 2304;
  /// Sums of integer products that are added to in turns.
  static constexpr size_t kSumChains = 4;
};

} // namespace

int64_t linearFewScratchBytes(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule, int64_t maxRows) {
  int64_t bytes = maxRows * sumsBytes(b, region, schedule);
  if (region.norm())
    bytes += maxRows * region.inputs() * bytesOf(getElementTypeOrSelf(region.exactInputType()));
  if (region.quantize())
    bytes += rowsAtOnce(schedule) * scaleRowBytes(region, schedule) +
             maxRows * QuantizedRows(b, region, schedule, hasWeightRows(region, schedule)).rowBytes();
  if (isInterleaved(region)) {
    QuantizedRows rounded(b, region, schedule, /*hasWeightRows=*/true);
    bytes += groupTableBytes(schedule) +
             InterleavedProduct(b, region, schedule, rounded).scratchBytes(groupsOfTile(schedule));
  }
  if (isOrdered(region, schedule))
    bytes += OrderedProduct(b, region, schedule).scratchBytes();
  if (dividesPairs(region, schedule) ||
      (isOrdered(region, schedule) && OrderedProduct(b, region, schedule).wantsWideInput()))
    bytes += maxRows * region.inputs() * 4;
  return llvm::alignTo(bytes, kArenaAlignment);
}

void emitLinearFew(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule, StringRef symbol) {
  FewEmitter(b, region, schedule).emit(symbol);
}

} // namespace quipu::codegen::cpu
