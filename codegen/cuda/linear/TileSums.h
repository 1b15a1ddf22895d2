//===- TileSums.h - The sums of a wgmma tile on their way to memory -*- C++ -*-===//
//
// In the registers of a thread (Wgmma.h) neighbours are two columns of the sums, too few for whole sectors of memory.
// So the sums pass through shared memory, in pieces of a warp's 16 rows by 32 columns; behind it a thread hands the
// epilogue
//
//   input as operand A    rows of a piece: of the step; columns: two tiles of the weight. Four pairs of a tile in two
//                         rows of the step
//   weight as operand A   rows of a piece: a tile of the weight; columns: rows of the step. The four warps of a group
//                         exchange their pieces, and each takes eight columns of all four: the eight pairs of a tile
//                         in one row of the step, or, where pairs are not combined, four features of each tile
//
// What the epilogue reads is requested pieces ahead.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_LINEAR_TILESUMS_H
#define QUIPU_CODEGEN_CUDA_LINEAR_TILESUMS_H

#include "codegen/cuda/linear/LinearEpilogue.h"

#include <vector>

namespace quipu::codegen::cuda {

class TileSums {
public:
  static constexpr int64_t kPieceRows = 16, kPieceColumns = 32;
  /// Shared memory of a warp: two pieces in turn.
  static constexpr int64_t kPieceBytes = kPieceRows * kPieceColumns * 4, kWarpBytes = 2 * kPieceBytes;

  TileSums(CudaBuilder &b, LinearRegion &region, const CudaFrame &frame, llama::CudaLinearManyScheduleAttr schedule,
           int64_t maxRows);

  /// Once for a thread: shared memory, kWarpBytes for each warp; the number of the warp; the rows of the step.
  void begin(mlir::Value shared, mlir::Value warp, mlir::Value stepRows);
  /// Once for a tile, while its products run: requests what the epilogue begins with. `firstRow`: of the step;
  /// `column`: number of the tile among those of the weight.
  void beginTile(mlir::Value firstRow, mlir::Value column);
  /// By whole warps: finishes and stores the sums, as wgmma leaves them in the registers.
  void store(llvm::ArrayRef<mlir::Value> sums);

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;
  static constexpr int64_t kPiecesAhead = 2;

  int64_t pieceCount() const;
  /// What a thread has of a piece: parts in a row of the step and a tile of the weight each, of so many pairs (or
  /// features).
  int64_t partCount() const { return !weightFirst ? 2 : single ? 4 : 1; }
  int64_t pairCount() const { return weightFirst && !single ? 8 : 4; }
  int64_t tilesOfTile() const { return schedule.getRows() / 16; }
  Value place(Value chunk, Value row);
  void placeColumns(Value shared);

  /// Tile of the weight of a part of a piece; whether it is one of the block's tile and of the weight (null: always).
  Value weightTile(int64_t piece, int64_t part);
  Value exists(int64_t piece, int64_t part);
  EpilogueValues rowOfPart(int64_t piece, int64_t part);
  void request(int64_t piece);
  void write(llvm::ArrayRef<Value> sums, int64_t piece);
  void read(int64_t piece);
  void readColumns(int64_t piece);
  /// Of the warps that exchange pieces.
  void barrier();
  void storeParts(int64_t piece, int64_t first, int64_t count);

  CudaBuilder &b;
  LinearRegion &region;
  llama::CudaLinearManyScheduleAttr schedule;
  LinearEpilogue epilogue;
  bool weightFirst, single;
  /// Results in the arena have memory for as many rows as the program may have. Where whole tiles, of all blocks of a
  /// cluster, divide that, stores need no branches; plain products may be logits, which are the caller's.
  bool storesOnlyRowsOfStep;
  /// Rows of the step; the thread's place in the block, and its warp's in the group.
  Value rows, warp, lane, warpInGroup;
  /// Where the thread writes pieces, by chunks; and where it reads them: of its two tiles' first and second halves, or,
  /// with the weight as operand A, by what the number of the chunk is combined with.
  Values written, places;
  Value tileInPiece, pair;
  /// Of the tile: the thread's first row of the step, and first tile of the weight.
  Value row, column;
  /// By pieces: the thread's parts with what has been requested for them.
  std::vector<std::vector<EpilogueValues>> pieces;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_LINEAR_TILESUMS_H
