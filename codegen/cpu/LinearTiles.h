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

/// Tiles of equal shape over a range of the weight's rows. A tile is two runs, A and B, of `run` rows each, `rowStride`
/// apart; `hasB` is false for the single row left over by an odd number of rows. For tile i,
///     f = (i / tilesPerGroup) * groupRows + (i % tilesPerGroup) * tileRows,
/// run A starts at row `baseA + f` of part `partA`, and run B at row `baseB + f` of part `partB`.
struct Section {
  unsigned partA = 0, partB = 0;
  int64_t baseA = 0, baseB = 0;
  int64_t tiles = 0, tilesPerGroup = 1, groupRows = 0, tileRows = 0;
  int64_t run = 1, rowStride = 1;
  bool hasB = true;

  /// What happens to the sums of a tile. With a RotateStage, rows A and B of the tile are the elements of rotary pairs
  /// (i % tilesPerGroup) * run ...; with a GateStage, A is the gate and B the up projection of the same features.
  llvm::SmallVector<EpilogueStage, 4> stages;
  /// First row of A and B of tile f = 0 in the features that the last stage writes.
  int64_t outA = 0, outB = 0;
};

/// Where a tile of a section is: `group` and `inGroup` are the quotient and remainder of its number by tilesPerGroup,
/// `f` the row offset of the formula above.
struct TilePosition {
  TilePosition(KernelBuilder &b, const Section &section, mlir::Value tile)
      : group(b.div(tile, section.tilesPerGroup)), inGroup(b.rem(tile, section.tilesPerGroup)),
        f(b.add(b.mul(group, section.groupRows), b.mul(inGroup, section.tileRows))) {}

  mlir::Value group, inGroup, f;
};

/// A linear region with the rows of its weight divided into tiles.
struct LinearTiles : LinearRegion {
  static mlir::FailureOr<LinearTiles> match(llama::KernelOp kernel);

  /// Number of tiles of all sections, for runs of at most `run` rows.
  llvm::SmallVector<Section> tiles(int64_t run);

  /// Whether a result lies in pairs of neighbouring features, which a tile must hold together.
  bool packsPairs();

  /// Addresses of the weight's rows in a tile: run A, then run B.
  llvm::SmallVector<mlir::Value> weightRows(KernelBuilder &b, const KernelFrame &frame, const Section &section,
                                            mlir::Value f);

private:
  explicit LinearTiles(const LinearRegion &region) : LinearRegion(region) {}

  /// Rows of the parts that the weight lies in.
  llvm::SmallVector<int64_t> partRows();
  void addPlain(llvm::SmallVectorImpl<Section> &tiles, int64_t firstRow, int64_t count, int64_t run);
  void addGate(llvm::SmallVectorImpl<Section> &tiles, int64_t run);
  /// Tiles within the heads of a section.
  void addHeads(llvm::SmallVectorImpl<Section> &tiles, const LinearSection &section, int64_t run);
  void place(Section &section, int64_t rowA, int64_t rowB);
};

/// Total number of tiles.
int64_t countTiles(llvm::ArrayRef<Section> sections);

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_LINEARTILES_H
