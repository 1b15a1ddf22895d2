//===- LinearTiles.h - The rows of a weight as tiles ------------*- C++ -*-===//
//
// Divides the rows of the weight of a linear kernel into sections of equal tiles. Both ways of laying vectors over rows
// (LinearFew.cpp, LinearMany.cpp) share this.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_LINEARTILES_H
#define QUIPU_CODEGEN_CPU_LINEARTILES_H

#include "codegen/common/LinearRegion.h"
#include "codegen/cpu/KernelFrame.h"

namespace quipu::codegen::cpu {

/// Tiles of equal shape over a range of the weight's rows. A tile has two runs of `run` rows each; neighbouring rows of
/// a run are `rowStride` rows apart. An odd number of rows leaves one row over, whose tile has no second run
/// (`hasSecond`). Tile number i has
///
///     rowOffset = (i / tilesPerGroup) * groupRows + (i % tilesPerGroup) * tileRows
///
/// Its first run begins at row `firstBase + rowOffset` of the weight's part `firstPart`, its second run at row
/// `secondBase + rowOffset` of part `secondPart`.
struct Section {
  unsigned firstPart = 0, secondPart = 0;
  int64_t firstBase = 0, secondBase = 0;
  int64_t tiles = 0, tilesPerGroup = 1, groupRows = 0, tileRows = 0;
  int64_t run = 1, rowStride = 1;
  bool hasSecond = true;

  /// What happens to the sums of a tile. With a RotateStage the two runs are the first and the second elements of
  /// rotary pairs, from pair (i % tilesPerGroup) * run of the head on. With a GateStage they are the gate and the up
  /// projection of the same features.
  llvm::SmallVector<EpilogueStage, 4> stages;
  /// Feature that the last stage writes for the first row of the first and of the second run, where rowOffset is 0.
  int64_t firstOutput = 0, secondOutput = 0;
};

/// Where a tile of a section is. `group` and `inGroup` are the quotient and the remainder of its number by
/// tilesPerGroup. `rowOffset` is that of the formula above.
struct TilePosition {
  TilePosition(KernelBuilder &b, const Section &section, mlir::Value tile)
      : group(b.div(tile, section.tilesPerGroup)), inGroup(b.rem(tile, section.tilesPerGroup)),
        rowOffset(b.add(b.mul(group, section.groupRows), b.mul(inGroup, section.tileRows))) {}
  TilePosition(mlir::Value group, mlir::Value inGroup, mlir::Value rowOffset)
      : group(group), inGroup(inGroup), rowOffset(rowOffset) {}

  mlir::Value group, inGroup, rowOffset;
};

/// Where the second run of a tile lies if no stage combines the runs: next to the first run, or half of the section's
/// rows behind it. With Halves the first runs of neighbouring tiles are one stream of memory, and the second runs are
/// another.
enum class SecondRun { Next, Halves };

/// A linear region with the rows of its weight divided into tiles.
struct LinearTiles : LinearRegion {
  static mlir::FailureOr<LinearTiles> match(llama::KernelOp kernel);

  /// Sections for runs of at most `run` rows.
  llvm::SmallVector<Section> tiles(int64_t run, SecondRun second);
  /// Those of a schedule: halves over few rows, since reading is all that such kernels do. If rows lie interleaved,
  /// only where the schedule has two streams.
  llvm::SmallVector<Section> tiles(llama::CpuLinearScheduleAttr schedule);

  /// Whether a result lies in pairs of neighbouring features, which a tile must hold together.
  bool packsPairs();

  /// Addresses of the weight's rows in a tile: `count` rows of the first run from row `first` of it on, then as many of
  /// the second.
  llvm::SmallVector<mlir::Value> weightRows(KernelBuilder &b, const KernelFrame &frame, const Section &section,
                                            mlir::Value rowOffset, mlir::Value first, int64_t count);

  /// Neighbouring rows of a weight whose rows lie interleaved: `count` of those at address `start`, from row number
  /// `first` of them on.
  struct RowGroup {
    mlir::Value start, first;
    int64_t count;
  };
  /// The rows of a tile: those of the first run, then those of the second. Where the runs alternate, or are neighbours,
  /// the groups have the rows of both in the order of the weight.
  llvm::SmallVector<RowGroup> rowGroups(KernelBuilder &b, const KernelFrame &frame, const Section &section,
                                        mlir::Value rowOffset);

private:
  explicit LinearTiles(const LinearRegion &region) : LinearRegion(region) {}

  /// Rows of the parts that the weight lies in.
  llvm::SmallVector<int64_t> partRows();
  void addPlain(llvm::SmallVectorImpl<Section> &tiles, int64_t firstRow, int64_t count, int64_t run, SecondRun second);
  void addGate(llvm::SmallVectorImpl<Section> &tiles, int64_t run);
  /// Tiles within the heads of a section.
  void addHeads(llvm::SmallVectorImpl<Section> &tiles, const LinearSection &section, int64_t run, SecondRun second);
  void place(Section &section, int64_t firstRow, int64_t secondRow);
};

/// Total number of tiles.
int64_t countTiles(llvm::ArrayRef<Section> sections);

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_LINEARTILES_H
