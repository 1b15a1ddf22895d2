//===- LinearTiles.cpp - The rows of a weight as tiles ------------------------===//

#include "codegen/cpu/LinearTiles.h"

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
  SmallVector<int64_t> wanted;
  if (tiles.gate)
    wanted.assign(2, tiles.outputs() / 2);
  else if (tiles.split)
    for (Value part : tiles.split.getParts())
      wanted.push_back(cast<RankedTensorType>(part.getType()).getDimSize(1));
  SmallVector<int64_t> parts = tiles.partRows();
  if (!wanted.empty() && parts.size() > 1 && parts != wanted)
    return kernel.emitOpError() << "combines parts of " << ArrayRef<int64_t>(wanted)
                                << " rows of its weight, but the weight is " << tiles.linear.getWeight().getType();
  if (Value bias = tiles.linear.getBias(); bias && partRowsOf(bias) != parts)
    return kernel.emitOpError() << "has a weight " << tiles.linear.getWeight().getType() << " and a bias "
                                << bias.getType() << "; both must lie in the same parts";
  return tiles;
}

static int64_t rowsOf(Value matrix) { return cast<RankedTensorType>(matrix.getType()).getDimSize(0); }

SmallVector<int64_t> LinearTiles::partRows() { return partRowsOf(linear.getWeight()); }

/// Turns rows of the whole weight into a part and a row of it.
void LinearTiles::place(Section &section, int64_t rowA, int64_t rowB) {
  SmallVector<int64_t> parts = partRows();
  auto locate = [&](int64_t row, unsigned &part, int64_t &base) {
    part = 0;
    base = row;
    while (part + 1 < parts.size() && base >= parts[part])
      base -= parts[part++];
  };
  locate(rowA, section.partA, section.baseA);
  locate(section.hasB ? rowB : rowA, section.partB, section.baseB);
}

/// Rows [firstRow, firstRow + count) of the weight, which are those features of the sink, in neighbouring pairs of
/// runs; what is left over becomes a smaller tile, and an odd last row a single one.
void LinearTiles::addPlain(SmallVectorImpl<Section> &sections, int64_t firstRow, int64_t count, int64_t run) {
  run = std::min(run, std::max<int64_t>(count / 2, 1));
  int64_t done = 0;
  auto add = [&](int64_t runRows, int64_t tiles, bool hasB) {
    if (tiles == 0)
      return;
    Section section;
    section.run = runRows;
    section.hasB = hasB;
    section.tiles = section.tilesPerGroup = tiles;
    section.tileRows = hasB ? 2 * runRows : runRows;
    section.outA = firstRow + done;
    section.outB = firstRow + done + runRows;
    place(section, firstRow + done, firstRow + done + runRows);
    sections.push_back(section);
    done += tiles * section.tileRows;
  };
  add(run, count / (2 * run), true);
  int64_t left = count - done;
  if (left >= 2)
    add(left / 2, 1, true);
  if (count - done == 1)
    add(1, 1, false);
}

bool LinearTiles::packsPairs() {
  return llvm::any_of(kernel.getResultTypes(), [](Type type) {
    TokenLanesAttr lanes = getTokenLanes(type);
    return lanes && lanes.getPack() == 2;
  });
}

SmallVector<Section> LinearTiles::sections(int64_t run) {
  SmallVector<Section> result;
  int64_t rows = rowsOf(linear.getWeight());

  if (gate) {
    // Run A from the gate's rows, run B from the same rows of the up projection.
    int64_t features = rows / 2, done = 0;
    for (int64_t step : {std::min(run, features), features % std::min(run, features)}) {
      if (step == 0 || done == features)
        continue;
      Section section;
      section.run = section.tileRows = step;
      section.tiles = section.tilesPerGroup = done == 0 ? features / step : 1;
      section.gate = true;
      section.outA = done;
      place(section, done, features + done);
      result.push_back(section);
      done += section.tiles * step;
    }
    return result;
  }

  if (split) {
    int64_t head = headDim(), half = head / 2, firstRow = 0;
    // The largest run that divides the pairs of a head: a tile never straddles two heads, nor the pairs of neighbours
    // of a packed result.
    int64_t multiple = packsPairs() ? 2 : 1, pairRun = std::min(run, half);
    while (half % pairRun || pairRun % multiple)
      --pairRun;
    for (auto [index, part] : llvm::enumerate(split.getParts())) {
      int64_t width = cast<RankedTensorType>(part.getType()).getDimSize(1);
      Section section;
      section.sink = index == 0 ? Sink::Result : index == 1 ? Sink::Keys : Sink::Values;
      if (index == 2) {
        // Values: tiles within a head as well, so that a tile is stored into one head's page.
        int64_t valueRun = std::min(run, half);
        while (half % valueRun)
          --valueRun;
        section.run = valueRun;
        section.tilesPerGroup = half / valueRun;
        section.tileRows = 2 * valueRun;
        section.outB = valueRun;
      } else {
        RotaryLayout layout = index == 0 ? rotateQuery.getLayout() : rotateKeys.getLayout();
        section.rotate = true;
        section.run = pairRun;
        section.tilesPerGroup = half / pairRun;
        section.rowStride = layout == RotaryLayout::Interleaved ? 2 : 1;
        section.tileRows = pairRun * section.rowStride;
        section.outB = layout == RotaryLayout::Interleaved ? 1 : half;
      }
      section.groupRows = head;
      section.tiles = width / head * section.tilesPerGroup;
      place(section, firstRow, firstRow + section.outB);
      result.push_back(section);
      firstRow += width;
    }
    return result;
  }

  // A tile never straddles two parts.
  int64_t firstRow = 0;
  for (int64_t count : partRows()) {
    addPlain(result, firstRow, count, run);
    firstRow += count;
  }
  return result;
}

SmallVector<Value> LinearTiles::weightRows(KernelBuilder &b, const KernelFrame &frame, const Section &section,
                                           Value f) {
  Type element = cast<RankedTensorType>(linear.getWeight().getType()).getElementType();
  int64_t rowBytes = inputs() * bytesOf(element);
  SmallVector<Value> rows;
  auto addRun = [&](unsigned part, int64_t base) {
    Value start = b.at(frame.argument(linear.getWeight(), part), b.mul(b.add(f, base), rowBytes));
    for (int64_t i = 0; i < section.run; ++i)
      rows.push_back(b.at(start, i * section.rowStride * rowBytes));
  };
  addRun(section.partA, section.baseA);
  if (section.hasB)
    addRun(section.partB, section.baseB);
  return rows;
}

int64_t countTiles(ArrayRef<Section> sections) {
  int64_t tiles = 0;
  for (const Section &section : sections)
    tiles += section.tiles;
  return tiles;
}

} // namespace quipu::codegen::cpu
