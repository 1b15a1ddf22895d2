//===- TileSums.h - The sums of a wgmma tile on their way to memory -*- C++ -*-===//
//
// A thread has sums of two neighbouring columns in its registers (Wgmma.h). That is 8 bytes, but memory is written in
// sectors of 32 bytes. So a warp writes its sums to shared memory and reads them again in another order. It does this
// in pieces of 16 rows by 32 columns. What a thread then hands to the epilogue depends on the order of the operands:
//
// - The input is operand A. The rows of a piece are rows of the step. Its columns are two tiles of the weight. A thread
//   gets four pairs of one tile, in two rows of the step.
// - The weight is operand A. The rows of a piece are one tile of the weight. Its columns are rows of the step. The four
//   warps of a group exchange their pieces: each takes eight columns of all four. A thread gets the eight pairs of one
//   tile in one row of the step. Where the kernel does not combine pairs, it gets four single features of each of the
//   four tiles.
//
// The epilogue also reads from memory. These loads are started kPiecesAhead pieces before their sums are finished.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_LINEAR_TILESUMS_H
#define QUIPU_CODEGEN_CUDA_LINEAR_TILESUMS_H

#include "codegen/cuda/linear/RowSoftmax.h"

#include <optional>
#include <vector>

namespace quipu::codegen::cuda {

class TileSums {
public:
  static constexpr int64_t kPieceRows = 16, kPieceColumns = 32;
  /// Shared memory of a warp, in bytes. It holds two pieces: one is written while the other is read.
  static constexpr int64_t kPieceBytes = kPieceRows * kPieceColumns * 4, kWarpBytes = 2 * kPieceBytes;

  TileSums(CudaBuilder &b, LinearRegion &region, const CudaFrame &frame, llama::CudaLinearManyScheduleAttr schedule,
           int64_t maxRows);

  /// Call it once, before the first tile. `shared`: kWarpBytes of shared memory for each warp. `warp`: number of the
  /// warp. `stepRows`: rows of the step.
  void begin(mlir::Value shared, mlir::Value warp, mlir::Value stepRows);
  /// Call it once for each tile, while its products run: it starts the first loads of the epilogue. `firstRow`: number
  /// of the tile's first row in the step; it may be negative (tileEndsWithStep). `tileColumn`: number of the tile along
  /// the rows of the weight.
  void beginTile(mlir::Value firstRow, mlir::Value tileColumn);
  /// Finishes and stores the sums, in the order in which wgmma leaves them in registers. All lanes of a warp call it.
  void store(llvm::ArrayRef<mlir::Value> sums);

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;
  static constexpr int64_t kPiecesAhead = 2;

  int64_t pieceCount() const;
  /// What a thread gets of a piece: partCount() parts. A part is of one row of the step and of one tile of the weight,
  /// and has pairCount() pairs (or single features).
  int64_t partCount() const { return !weightFirst ? 2 : singleFeatures ? 4 : 1; }
  int64_t pairCount() const { return weightFirst && !singleFeatures ? 8 : 4; }
  int64_t tilesOfTile() const { return schedule.getRows() / 16; }
  Value place(Value chunk, Value row);
  void placeColumns(Value shared);

  /// Number of the weight's tile that a part belongs to. Whether this tile exists (null: always).
  Value weightTile(int64_t piece, int64_t part);
  Value exists(int64_t piece, int64_t part);
  EpilogueValues rowOfPart(int64_t piece, int64_t part);
  void startLoads(int64_t piece);
  void write(llvm::ArrayRef<Value> sums, int64_t piece);
  void read(int64_t piece);
  void readColumns(int64_t piece);
  /// Waits for the warps that exchange pieces.
  void barrier();
  void storeParts(int64_t piece, int64_t first, int64_t count);
  /// In place of storeParts in kernels that give probabilities; and once for a tile behind its last piece.
  void scoreParts(int64_t piece);
  void finishScores();

  CudaBuilder &b;
  LinearRegion &region;
  llama::CudaLinearManyScheduleAttr schedule;
  LinearEpilogue epilogue;
  /// In kernels that give probabilities.
  std::optional<RowSoftmax> softmax;
  /// Where the input is operand A: what the tile's pieces so far have given for the thread's two rows.
  std::vector<RowSoftmax::Part> scores;
  bool weightFirst, singleFeatures;
  /// Whether a row must be checked before it is stored. A result in the arena has memory for maxRows rows. If tiles
  /// fill these rows exactly, rows behind those of the step may be written too, and stores need no branch. Rows in
  /// front of the first do not exist (tileEndsWithStep). A kernel that only stores may write logits: their memory
  /// belongs to the caller, who has no room for more rows.
  bool storesOnlyRowsOfStep;
  /// Rows of the step. Number of the warp in the block, of the lane in the warp, of the warp in its group of four.
  Value rows, warp, lane, warpInGroup;
  /// Where the thread writes a piece, for each chunk of eight columns. Where it reads a piece: if the input is operand
  /// A, the first and the second elements of its pairs; else one address for each value of chunk number ^ row (see
  /// placeColumns).
  Values writeAddresses, readAddresses;
  Value tileInPiece, pair;
  /// The thread's first row of the step, and its first tile of the weight, in the block's tile.
  Value row, column;
  /// For each piece the thread's parts, with what was loaded for them.
  std::vector<std::vector<EpilogueValues>> pieces;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_LINEAR_TILESUMS_H
