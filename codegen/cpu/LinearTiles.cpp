//===- LinearTiles.cpp - The rows of a weight as tiles ------------------------===//

#include "codegen/cpu/LinearTiles.h"

#include "codegen/common/Arguments.h"
#include "codegen/cpu/WeightOperand.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

/// Rows of the parts that a weight or bias lies in, of one where it lies in one piece.
static SmallVector<int64_t> partRowsOf(Value weight) {
  auto type = cast<RankedTensorType>(weight.getType());
  if (auto parts = dyn_cast_or_null<RowPartsAttr>(type.getEncoding()))
    return SmallVector<int64_t>(parts.getRows());
  return {type.getDimSize(0)};
}

FailureOr<LinearTiles> LinearTiles::match(KernelOp kernel) {
  FailureOr<LinearRegion> region = LinearRegion::match(kernel);
  if (failed(region))
    return failure();
  LinearTiles tiles(*region);
  // A run of a tile lies in one part of the weight: gate and up, or queries, keys and values, are parts or in one.
  SmallVector<int64_t> wanted = tiles.combinedRows();
  SmallVector<int64_t> parts = tiles.partRows();
  if (!wanted.empty() && parts.size() > 1 && parts != wanted)
    return kernel.emitOpError() << "combines parts of " << ArrayRef<int64_t>(wanted)
                                << " rows of its weight, but the weight is " << tiles.linear.getWeight().getType();
  if (Value bias = tiles.linear.getBias(); bias && partRowsOf(bias) != parts)
    return kernel.emitOpError() << "has a weight " << tiles.linear.getWeight().getType() << " and a bias "
                                << bias.getType() << "; both must lie in the same parts";
  return tiles;
}

SmallVector<int64_t> LinearTiles::partRows() { return partRowsOf(linear.getWeight()); }

/// Finds the part of the weight that each run lies in, and the first row of the run in that part.
void LinearTiles::place(Section &section, int64_t firstRow, int64_t secondRow) {
  SmallVector<int64_t> parts = partRows();
  auto locate = [&](int64_t row, unsigned &part, int64_t &base) {
    part = 0;
    base = row;
    while (part + 1 < parts.size() && base >= parts[part])
      base -= parts[part++];
  };
  locate(firstRow, section.firstPart, section.firstBase);
  locate(section.hasSecond ? secondRow : firstRow, section.secondPart, section.secondBase);
}

/// Divides rows [firstRow, firstRow + count) of the weight into tiles. The rows that are left over become a smaller
/// tile, and an odd last row, or group of interleaved rows, a tile of one run.
void LinearTiles::addPlain(SmallVectorImpl<Section> &tiles, int64_t firstRow, int64_t count, int64_t run,
                           SecondRun second) {
  // A run of whole groups of interleaved rows stays one.
  int64_t interleave = interleaveOf(linear.getWeight().getType()), unit = run % interleave == 0 ? interleave : 1;
  run = std::min(run, std::max<int64_t>(count / 2 / unit, 1) * unit);
  int64_t done = 0;
  auto add = [&](int64_t runRows, int64_t number, bool hasSecond) {
    if (number == 0)
      return;
    Section section;
    section.stages = sections.front().stages;
    section.run = runRows;
    section.hasSecond = hasSecond;
    section.tiles = section.tilesPerGroup = number;
    bool halves = hasSecond && second == SecondRun::Halves;
    section.tileRows = hasSecond && !halves ? 2 * runRows : runRows;
    section.firstOutput = firstRow + done;
    section.secondOutput = section.firstOutput + (halves ? number : 1) * runRows;
    place(section, section.firstOutput, section.secondOutput);
    tiles.push_back(section);
    done += number * (hasSecond ? 2 : 1) * runRows;
  };
  add(run, count / (2 * run), true);
  int64_t left = count - done;
  if (left >= 2 * unit)
    add(left / 2 / unit * unit, 1, true);
  if (count - done > 0)
    add(unit, 1, false);
}

bool LinearTiles::packsPairs() {
  return llvm::any_of(kernel.getResultTypes(), [](Type type) {
    TokenLanesAttr lanes = getTokenLanes(type);
    return lanes && lanes.getPack() == 2;
  });
}

/// Run A is of the gate's rows, run B is of the same rows of the up projection.
void LinearTiles::addGate(SmallVectorImpl<Section> &tiles, int64_t run) {
  int64_t features = outputs() / 2, done = 0;
  for (int64_t step : {std::min(run, features), features % std::min(run, features)}) {
    if (step == 0 || done == features)
      continue;
    Section section;
    section.run = section.tileRows = step;
    section.tiles = section.tilesPerGroup = done == 0 ? features / step : 1;
    section.stages = sections.front().stages;
    section.firstOutput = done;
    place(section, done, features + done);
    tiles.push_back(section);
    done += section.tiles * step;
  }
}

/// A tile must lie in one head, so that it is stored into one head's page. So its run divides the pairs of a head.
void LinearTiles::addHeads(SmallVectorImpl<Section> &tiles, const LinearSection &rows, int64_t run, SecondRun second) {
  int64_t head = headDim(), half = head / 2;
  const auto *rotate = rows.find<RotateStage>();
  // And a tile of a packed result must not divide pairs of neighbours.
  int64_t multiple = rotate && packsPairs() ? 2 : 1;
  Section section;
  section.run = std::min(run, half);
  while (half % section.run || section.run % multiple)
    --section.run;
  section.tilesPerGroup = half / section.run;
  bool halves = second == SecondRun::Halves;
  section.tileRows = halves ? section.run : 2 * section.run;
  section.secondOutput = halves ? half : section.run;
  if (rotate) {
    bool interleaved = RotateOp(rotate->op).getLayout() == RotaryLayout::Interleaved;
    section.rowStride = interleaved ? 2 : 1;
    section.tileRows = section.run * section.rowStride;
    section.secondOutput = interleaved ? 1 : half;
  }
  section.stages = rows.stages;
  section.groupRows = head;
  section.tiles = rows.rows / head * section.tilesPerGroup;
  place(section, rows.firstRow, rows.firstRow + section.secondOutput);
  tiles.push_back(section);
}

SmallVector<Section> LinearTiles::tiles(int64_t run, SecondRun second) {
  SmallVector<Section> result;
  if (has<GateStage>()) {
    addGate(result, run);
  } else if (sections.size() > 1) {
    for (const LinearSection &section : sections)
      addHeads(result, section, run, second);
  } else {
    // A tile must lie in one part.
    int64_t firstRow = 0;
    for (int64_t count : partRows()) {
      addPlain(result, firstRow, count, run, second);
      firstRow += count;
    }
  }
  return result;
}

SmallVector<Section> LinearTiles::tiles(CpuLinearScheduleAttr schedule) {
  bool readsRuns = interleaveOf(linear.getWeight().getType()) == 1 || schedule.getStreams() == 2;
  bool halves = schedule.getRows() == RowRegime::Few && readsRuns;
  return tiles(schedule.getRun(), halves ? SecondRun::Halves : SecondRun::Next);
}

SmallVector<Value> LinearTiles::weightRows(KernelBuilder &b, const KernelFrame &frame, const Section &section,
                                           Value rowOffset, Value first, int64_t count) {
  int64_t rowBytes = WeightOperand(b, linear.getWeight().getType()).rowBytes();
  SmallVector<Value> rows;
  auto addRun = [&](unsigned part, int64_t base) {
    Value row = b.add(b.add(rowOffset, base), b.mul(first, section.rowStride));
    Value start = b.at(frame.argument(linear.getWeight(), part), b.mul(row, rowBytes));
    for (int64_t i = 0; i < count; ++i)
      rows.push_back(b.at(start, i * section.rowStride * rowBytes));
  };
  addRun(section.firstPart, section.firstBase);
  if (section.hasSecond)
    addRun(section.secondPart, section.secondBase);
  return rows;
}

SmallVector<LinearTiles::RowGroup> LinearTiles::rowGroups(KernelBuilder &b, const KernelFrame &frame,
                                                          const Section &section, Value rowOffset) {
  auto type = cast<RankedTensorType>(linear.getWeight().getType());
  int64_t rowBytes = WeightOperand(b, type).rowBytes(), interleave = interleaveOf(type);
  SmallVector<RowGroup> groups;
  auto add = [&](unsigned part, int64_t base, int64_t count) {
    // Groups of one piece of a run, which no group ends inside of.
    for (int64_t done = 0; done < count; done += std::min(count, interleave)) {
      Value row = b.add(rowOffset, base + done), inGroup = b.rem(row, interleave);
      Value start = b.at(frame.argument(linear.getWeight(), part), b.mul(b.sub(row, inGroup), rowBytes));
      groups.push_back({start, inGroup, std::min(count, interleave)});
    }
  };
  bool together = section.hasSecond && section.firstPart == section.secondPart &&
                  section.secondBase == section.firstBase + (section.rowStride == 2 ? 1 : section.run);
  add(section.firstPart, section.firstBase, (together ? 2 : 1) * section.run);
  if (section.hasSecond && !together)
    add(section.secondPart, section.secondBase, section.run);
  return groups;
}

int64_t countTiles(ArrayRef<Section> sections) {
  int64_t number = 0;
  for (const Section &section : sections)
    number += section.tiles;
  return number;
}

} // namespace quipu::codegen::cpu
