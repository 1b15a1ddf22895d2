//===- LinearMany.cpp - Linear kernels for many rows --------------------------===//
//
// Arithmetic dominates. A vector holds one feature of `lanes` consecutive rows (layout token_lanes), so that the weight
// is read as it lies in its file, an element (or a pair of bf16) broadcast at a time, and neither sums over features
// nor rotary pairs need shuffles:
//
//   prepare the input in the workspace               (an entry of its own, LinearManyInput.cpp)
//   for each block of rowTiles * lanes input rows    (the packed block stays in L2)
//     for each tile of 2 * run weight rows           (the grid; the tile stays in L1)
//       decode the tile's rows into scratch          (where they are in blocks)
//       for each panel of `vectors` * lanes input rows
//         accumulators[2 * run][vectors] += broadcast weight . input vectors
//         epilogue on vectors of rows, store
//
// Products of numbers may take the inputs in parts (NumberProduct.h).
//
// With AMX the tiles of the hardware make the sums (AmxProduct.h), and a loop takes some of them at a time through the
// epilogue.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Activation.h"
#include "codegen/common/Arguments.h"
#include "codegen/common/CacheAddress.h"
#include "codegen/common/OpLocation.h"
#include "codegen/cpu/AmxProduct.h"
#include "codegen/cpu/Emitters.h"
#include "codegen/cpu/IntegerPanel.h"
#include "codegen/cpu/NumberProduct.h"
#include "codegen/cpu/TokenLanes.h"
#include "codegen/cpu/WeightOperand.h"
#include "ir/Llama/ScheduleLimits.h"
#include "runtime/abi/KernelAbi.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {
namespace {

/// Scratch of the values that go to the cache. Rows of a weight that were decoded lie behind it.
int64_t appendScratchBytes(LinearTiles &region, CpuLinearScheduleAttr schedule) {
  return region.has<AppendStage>() ? llvm::alignTo(2 * schedule.getRun() * schedule.getLanes() * 4, kArenaAlignment)
                                   : 0;
}

class ManyEmitter {
public:
  ManyEmitter(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule)
      : b(b), region(region), schedule(schedule), lanes(schedule.getLanes()), linear(region.linear) {
    if (usesTiles(schedule.getDot()))
      return;
    if (region.quantize())
      panel.emplace(b, region, schedule.getDot());
    else
      product.emplace(b, region, schedule);
  }

  void emit(StringRef symbol) {
    KernelFrame entry(b, region.kernel, symbol);
    frame = &entry;
    input = region.norm() || region.quantize() ? entry.workspace(0) : entry.argument(region.source());
    scratch = b.at(entry.scratch, appendScratchBytes(region, schedule));
    if (product)
      product->begin(input, scratch);
    Value rowTiles = b.div(entry.tokens, lanes);

    b.loop(b.i64(0), rowTiles, schedule.getRowTiles(), [&](Value firstRowTile) {
      Value lastRowTile = b.min(b.add(firstRowTile, schedule.getRowTiles()), rowTiles);
      if (product && !product->isInParts())
        product->forEachPart(firstRowTile, lastRowTile, [&] { emitSections(firstRowTile, lastRowTile); });
      else
        emitSections(firstRowTile, lastRowTile);
    });
    if (amx)
      AmxTiles(b).release();
  }

private:
  void emitSections(Value firstRowTile, Value lastRowTile) {
    int64_t first = 0;
    for (const Section &section : region.tiles(schedule)) {
      Value lower = b.max(b.sub(frame->begin, b.i64(first)), b.i64(0));
      Value upper = b.min(b.sub(frame->end, b.i64(first)), b.i64(section.tiles));
      if (usesTiles(schedule.getDot())) {
        amx.emplace(b, region, schedule, section, scratch);
        amx->configure();
      }
      if (product && product->isInParts())
        b.loop(lower, upper, product->tilesAtOnce(), [&](Value tile) {
          emitTilesInParts(section, tile, b.min(b.add(tile, product->tilesAtOnce()), upper), firstRowTile, lastRowTile);
        });
      else
        b.loop(lower, upper, 1, [&](Value tile) { emitTile(section, tile, firstRowTile, lastRowTile); });
      first += section.tiles;
    }
  }

  /// The sums of a tile for the rows of `rowTile`: `a[i]` and `c[i]` are vectors over these rows of row i of run A and
  /// run B. A stage that makes one value of two leaves no run B.
  struct TileOfRows {
    const Section &section;
    const TilePosition &at;
    Value rowTile;
    SmallVector<Value> a, c;
    /// Where the result's rows begin; see targetOf.
    Value target = {};

    SmallVector<Value> values() const { return llvm::to_vector(llvm::concat<const Value>(a, c)); }
    /// The features of values(), counted from the first of the tile.
    SmallVector<int64_t> features() const {
      SmallVector<int64_t> features;
      for (auto [count, first] : {std::pair(a.size(), section.firstOutput), std::pair(c.size(), section.secondOutput)})
        for (size_t i = 0; i < count; ++i)
          features.push_back(first + i * section.rowStride);
      return features;
    }
  };

  void emitTile(const Section &section, Value tile, Value firstRowTile, Value lastRowTile) {
    TilePosition at(b, section, tile);
    SmallVector<Value> weightRows;
    bool interleaved = interleaveOf(region.weightType()) > 1;
    if (!interleaved)
      weightRows = region.weightRows(b, *frame, section, at.rowOffset, b.i64(0), section.run);
    SmallVector<LinearTiles::RowGroup> groups;
    if (interleaved)
      groups = region.rowGroups(b, *frame, section, at.rowOffset);
    if (interleaved && amx)
      amx->decode(groups);
    else if (interleaved)
      panel->decode(groups, section.rowStride == 2, scratch);
    else if (amx)
      amx->decode(weightRows);
    else if (panel)
      panel->decode(weightRows, lanes, scratch);
    else
      weightRows = product->prepareRows(weightRows);

    forEachPanel(firstRowTile, lastRowTile,
                 [&](Value rowTile, int64_t vectors) { emitPanel(section, at, weightRows, rowTile, vectors); });
  }

  /// The same for tiles [first, last) of a product whose sums wait in scratch from part to part of the inputs.
  void emitTilesInParts(const Section &section, Value first, Value last, Value firstRowTile, Value lastRowTile) {
    int64_t rows = (section.hasSecond ? 2 : 1) * section.run;
    auto load = [&](Value tile, Value rowTile, int64_t vectors) {
      return product->loadSums(b.sub(tile, first), b.sub(rowTile, firstRowTile), rows, vectors);
    };
    product->clearSums(b.sub(last, first));
    product->forEachPart(firstRowTile, lastRowTile, [&] {
      b.loop(first, last, 1, [&](Value tile) {
        TilePosition at(b, section, tile);
        SmallVector<Value> weightRows =
            product->prepareRows(region.weightRows(b, *frame, section, at.rowOffset, b.i64(0), section.run));
        forEachPanel(firstRowTile, lastRowTile, [&](Value rowTile, int64_t vectors) {
          SmallVector<Value> sums = product->multiply(weightRows, rowTile, load(tile, rowTile, vectors));
          product->storeSums(sums, b.sub(tile, first), b.sub(rowTile, firstRowTile), vectors);
        });
      });
    });
    b.loop(first, last, 1, [&](Value tile) {
      TilePosition at(b, section, tile);
      b.loop(firstRowTile, lastRowTile, 1,
             [&](Value rowTile) { emitEpilogues(section, at, load(tile, rowTile, 1), rowTile, 1); });
    });
  }

  /// Calls emit(first, vectors) in loops over panels of `vectors` row tiles: first whole panels, then smaller ones for
  /// the rest. They are as large as possible, because an instruction waits for the one before that adds to the same
  /// sum, and few sums leave nothing to do meanwhile.
  void forEachPanel(Value firstRowTile, Value lastRowTile, llvm::function_ref<void(Value, int64_t)> emit) {
    Value from = firstRowTile;
    for (auto vectors = static_cast<uint64_t>(schedule.getVectors()); vectors; vectors = llvm::bit_floor(vectors - 1)) {
      auto size = static_cast<int64_t>(vectors);
      Value to = b.add(from, b.mul(b.div(b.sub(lastRowTile, from), size), size));
      b.loop(from, to, size, [&](Value rowTile) { emit(rowTile, size); });
      from = to;
    }
  }

  void emitPanel(const Section &section, const TilePosition &at, ArrayRef<Value> weightRows, Value rowTile,
                 int64_t vectors) {
    if (amx)
      return emitTilePanel(section, at, rowTile, vectors);
    SmallVector<Value> sums =
        panel
            ? emitIntegerProduct(rowTile, vectors)
            : product->multiply(weightRows, rowTile, product->zeros(static_cast<int64_t>(weightRows.size()) * vectors));
    emitEpilogues(section, at, sums, rowTile, vectors);
  }

  /// sums[row * vectors + v]: vectors over the input rows of tile v.
  void emitEpilogues(const Section &section, const TilePosition &at, ArrayRef<Value> sums, Value rowTile,
                     int64_t vectors) {
    for (int64_t v = 0; v < vectors; ++v) {
      SmallVector<Value> a, c;
      for (int64_t i = 0; i < section.run; ++i) {
        a.push_back(sums[i * vectors + v]);
        if (section.hasSecond)
          c.push_back(sums[(section.run + i) * vectors + v]);
      }
      emitEpilogue({section, at, b.add(rowTile, v), a, c});
    }
  }

  void emitEpilogue(TileOfRows tile) {
    OpLocation location(b, nullptr);
    for (const EpilogueStage &stage : tile.section.stages) {
      location.enter(opOf(stage));
      std::visit([&](const auto &kind) { emitStage(kind, tile); }, stage);
    }
  }

  void emitTilePanel(const Section &section, const TilePosition &at, Value rowTile, int64_t vectors) {
    if (region.quantize()) {
      amx->multiply(QuantizedTile(b, region, schedule.getDot(), lanes, *frame, rowTile));
    } else {
      amx->multiply(inputTiles(rowTile, vectors));
    }
    // The sums of a run do not fit into registers. Some of its rows are a section of smaller tiles. Where features of a
    // result lie in pairs, a slice has whole pairs.
    Section slice = section;
    slice.run = section.run % 2 ? section.run : widestVector(section.run, kRowsOfSlice);
    int64_t slices = section.run / slice.run;
    slice.tilesPerGroup *= slices;
    b.loop(b.i64(0), b.i64(vectors), 1, [&](Value v) {
      b.loop(b.i64(0), b.i64(slices), 1, [&](Value number) {
        Value first = b.mul(number, slice.run);
        TilePosition part(at.group, b.add(b.mul(at.inGroup, slices), number),
                          b.add(at.rowOffset, b.mul(first, section.rowStride)));
        SmallVector<Value> a = amx->sums(v, 0, first, slice.run), c;
        if (section.hasSecond)
          c = amx->sums(v, 1, first, slice.run);
        emitEpilogue({slice, part, b.add(rowTile, v), a, c});
      });
    });
  }

  SmallVector<Value> emitIntegerProduct(Value rowTile, int64_t vectors) {
    SmallVector<QuantizedTile> tiles;
    for (int64_t v = 0; v < vectors; ++v)
      tiles.emplace_back(b, region, schedule.getDot(), lanes, *frame, b.add(rowTile, v));
    return panel->multiply(tiles, lanes);
  }

  /// Where `count` tiles of the input begin.
  SmallVector<Value> inputTiles(Value rowTile, int64_t count) {
    ActivationLayout layout(region.norm() ? region.workspaceType() : linear.getInput().getType());
    SmallVector<Value> tiles;
    for (int64_t v = 0; v < count; ++v)
      tiles.push_back(b.at(input, b.mul(b.add(rowTile, v), layout.strideBytes())));
    return tiles;
  }

  /// Address of the result's tile of rows.
  Value targetOf(TileOfRows &tile) {
    if (!tile.target)
      tile.target = b.at(frame->result(0), b.mul(tile.rowTile, resultLayout().strideBytes()));
    return tile.target;
  }
  ActivationLayout resultLayout() { return ActivationLayout(region.kernel.getResultTypes().front()); }

  void emitStage(const BiasStage &stage, TileOfRows &tile) {
    const Section &section = tile.section;
    WeightOperand bias(b, stage.bias.getType());
    bool parts = pointersOf(stage.bias.getType()) > 1;
    auto addBias = [&](SmallVector<Value> &values, unsigned part, int64_t base) {
      WeightOperand::Run run = bias.run(frame->argument(stage.bias, parts ? part : 0), b.add(tile.at.rowOffset, base));
      for (auto [i, value] : llvm::enumerate(values))
        value = b.addf(value, run.broadcast(i * section.rowStride, lanes));
    };
    addBias(tile.a, section.firstPart, section.firstBase);
    addBias(tile.c, section.secondPart, section.secondBase);
  }

  void emitStage(const RotateStage &stage, TileOfRows &tile) {
    RotateOp rotate = stage.op;
    ActivationLayout table(rotate.getTable().getType());
    Value base = b.at(frame->argument(rotate.getTable()), b.mul(tile.rowTile, table.strideBytes()));
    Value firstPair = b.mul(tile.at.inGroup, tile.section.run);
    for (auto [i, a, c] : llvm::enumerate(tile.a, tile.c)) {
      Value pair = b.add(firstPair, i);
      Value cosine = b.loadF32(table.element, b.at(base, table.featureOffset(b, pair)), lanes);
      Value sine =
          b.loadF32(table.element, b.at(base, table.featureOffset(b, b.add(pair, rotate.getHeadDim() / 2))), lanes);
      std::tie(a, c) = b.rotatePair(a, c, cosine, sine);
    }
  }

  void emitStage(const GateStage &stage, TileOfRows &tile) {
    for (auto [gate, up] : llvm::zip_equal(tile.a, tile.c))
      gate = b.mulf(activate(b, GateOp(stage.op).getActivation(), gate), up);
    tile.c.clear();
  }

  void emitStage(const ResidualStage &stage, TileOfRows &tile) {
    // Both rows have one offset: the addresses are computed together.
    targetOf(tile);
    ActivationLayout other(stage.other.getType());
    Value base = b.at(frame->argument(stage.other), b.mul(tile.rowTile, other.strideBytes()));
    auto addOther = [&](MutableArrayRef<Value> values, int64_t first) {
      for (auto [i, value] : llvm::enumerate(values)) {
        Value feature = b.add(tile.at.rowOffset, first + i * tile.section.rowStride);
        value = b.addf(value, b.loadF32(other.element, b.at(base, other.featureOffset(b, feature)), lanes));
      }
    };
    addOther(tile.a, tile.section.firstOutput);
    addOther(tile.c, tile.section.secondOutput);
  }

  void emitStage(const ArgMaxStage &, TileOfRows &) { llvm_unreachable("CheckSchedule refuses it for many rows"); }

  void emitStage(const LogProbStage &, TileOfRows &) { llvm_unreachable("CheckSchedule refuses it for many rows"); }

  void emitStage(const StoreStage &, TileOfRows &tile) {
    storeFeatures(b, resultLayout(), targetOf(tile), tile.features(), tile.values(), tile.at.rowOffset);
  }

  /// The values of a row lie in one lane of each vector, but in the cache they lie side by side. So they go through
  /// scratch memory.
  void emitStage(const AppendStage &stage, TileOfRows &tile) {
    KVAppendOp append = stage.op;
    CacheAddress cache(b, *frame, append.getKv());
    Type element = cache.type.getElementType();
    int64_t columnBytes = lanes * bytesOf(element);
    // Features in ascending order, so that a run of neighbours is stored in order.
    for (auto [index, value] : llvm::enumerate(tile.values()))
      b.storeF32(value, element, b.at(frame->scratch, index * columnBytes));
    Value firstFeature = b.sub(tile.at.rowOffset, b.mul(tile.at.group, tile.section.groupRows));
    Value positions = frame->argument(append.getPositions()), sequences = frame->argument(append.getSequences());
    Value pool = stage.isKeys ? cache.keys : cache.values;
    b.loop(b.i64(0), b.i64(lanes), 1, [&](Value lane) {
      Value row = b.mul(b.add(b.mul(tile.rowTile, lanes), lane), 4);
      Value position = b.loadI32(b.at(positions, row));
      b.ifThen(b.compare(arith::CmpIPredicate::sge, position, b.i32(0)), [&] {
        Value sequence = b.widen(b.loadI32(b.at(sequences, row)));
        Value offset = b.add(cache.rowOffset(b, sequence, b.widen(position)), b.mul(tile.at.group, cache.headBytes()));
        Value out = b.at(pool, b.add(offset, b.mul(firstFeature, bytesOf(element))));
        Value in = b.at(frame->scratch, b.mul(lane, bytesOf(element)));
        for (auto [index, feature] : llvm::enumerate(tile.features())) {
          Value value = b.load(element, b.at(in, index * columnBytes), bytesOf(element));
          b.store(value, b.at(out, feature * bytesOf(element)), bytesOf(element));
        }
      });
    });
  }

  KernelBuilder &b;
  LinearTiles &region;
  CpuLinearScheduleAttr schedule;
  int64_t lanes;
  LinearOp linear;
  /// Rows of both runs that go through the epilogue together.
  static constexpr int64_t kRowsOfSlice = 4;

  /// Of products of numbers, and of integers.
  std::optional<NumberProduct> product;
  std::optional<IntegerPanel> panel;
  /// Of products of tiles: those of the section that is being emitted.
  std::optional<AmxProduct> amx;
  KernelFrame *frame = nullptr;
  /// Where the input begins, and scratch behind that of the values that go to the cache.
  Value input, scratch;
};

} // namespace

void emitLinearMany(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule, StringRef symbol) {
  ManyEmitter(b, region, schedule).emit(symbol);
}

int64_t linearManyLeastBlocks(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule) {
  if (usesTiles(schedule.getDot()) || region.quantize())
    return 1;
  return NumberProduct(b, region, schedule).leastTiles();
}

int64_t linearManyScratchBytes(KernelBuilder &b, LinearTiles &region, CpuLinearScheduleAttr schedule) {
  int64_t bytes = appendScratchBytes(region, schedule);
  if (usesTiles(schedule.getDot()))
    return bytes + AmxProduct::scratchBytes(region, schedule);
  if (region.quantize())
    return bytes + 2 * schedule.getRun() * IntegerPanel::rowBytes(region, schedule.getDot());
  return bytes + NumberProduct(b, region, schedule).scratchBytes();
}

} // namespace quipu::codegen::cpu
