//===- LinearEpilogue.h - What follows the product --------------*- C++ -*-===//
//
// The epilogue of a linear kernel on values in registers: bias, rotary embedding and paged append, act(gate) * up, or
// the residual addition, then the store. All linear emitters use it, whichever way they multiply.
//
// The rows of a weight lie in tiles of 16 (#llama.paired_rows): row p (0..7) of a tile is the first element and row
// p + 8 the second of pair p: a rotary pair, gate and up of one feature, or, in plain weights, features 16 * tile + p
// and 16 * tile + p + 8.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_LINEAR_LINEAREPILOGUE_H
#define QUIPU_CODEGEN_CUDA_LINEAR_LINEAREPILOGUE_H

#include "codegen/common/LinearRegion.h"
#include "codegen/cuda/vocabulary/CudaFrame.h"

namespace quipu::codegen::cuda {

/// What the epilogue of some pairs reads from memory, in registers.
struct EpilogueOperands {
  /// Of each pair, where the kernel has them: bias; cosine and sine, or the residual's elements.
  llvm::SmallVector<mlir::Value, 1> firstBias, secondBias, first, second;
  /// See LinearEpilogue::cacheRow.
  mlir::Value cacheRow;
};

/// Sums of neighbouring pairs of one tile for one row of the step.
struct EpilogueValues {
  /// Number of the first pair in its tile (i32, 0..7, a multiple of their number) and the row of the step (i32). Of
  /// single features, in kernels that combine none: the number of the first in its tile (0..15).
  mlir::Value pair, row;
  /// Whether the row exists (i1); null: always.
  mlir::Value valid;
  /// f32 sums of pairs pair, pair + 1, ... (1, 2, 4 or 8 of them): first and second elements; single features have no
  /// second ones.
  llvm::SmallVector<mlir::Value> first, second;
  /// What was loaded ahead; store() loads the rest.
  EpilogueOperands operands = {};
};

class LinearEpilogue {
public:
  LinearEpilogue(CudaBuilder &b, LinearRegion &region, const CudaFrame &frame) : b(b), region(region), frame(frame) {}

  /// Whether the epilogue can do the region; fails with a diagnostic on the kernel. Before anything is emitted.
  static mlir::LogicalResult check(LinearRegion &region);

  /// Finishes and stores values of tile number `tile` (i32). One branch by the kind of tile (query, key, value) for all
  /// of them; rows of the weight beyond N are dropped. After waitForPrevious(). Called by any number of threads; the
  /// values of a call are one thread's.
  void store(mlir::Value tile, llvm::ArrayRef<EpilogueValues> values);

  /// Loads what store() will read for `pairs` pairs, whatever the kind of the tile and without branches: early, the
  /// latency hides behind the product. After waitForPrevious(). `paired`: not single features; `cacheRow`: where it is
  /// known already.
  EpilogueOperands load(mlir::Value tile, mlir::Value pair, int64_t pairs, mlir::Value row, mlir::Value valid,
                        bool paired = true, mlir::Value cacheRow = {});
  /// Whether the kernel combines the elements of a pair.
  static bool combinesPairs(const LinearRegion &region) { return region.gate || region.split; }

  /// Byte offset (i64) of head 0 of a row of the step in the pools of keys and values; -1 where nothing is to be
  /// appended (`valid` is false, or a padding row). Null for kernels that append nothing. For threads that store many
  /// tiles of a row: EpilogueOperands::cacheRow. The other is -1 also where `tile` is one of the queries.
  mlir::Value cacheRow(mlir::Value row, mlir::Value valid);
  mlir::Value cacheRow(mlir::Value tile, mlir::Value row, mlir::Value valid);

  /// 16-row tiles of the weight.
  static int64_t countTiles(LinearRegion &region) { return (region.outputs() + 15) / 16; }

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;

  void storeGate(Value tile, llvm::ArrayRef<EpilogueValues> values);
  void storePlain(Value tile, llvm::ArrayRef<EpilogueValues> values);
  void storeSplit(Value tile, llvm::ArrayRef<EpilogueValues> values);
  void storeQueries(Value tile, llvm::ArrayRef<EpilogueValues> values);
  /// Keys or values; `tile` counts from the first of them.
  void append(Value tile, Value sectionTile, bool keys, llvm::ArrayRef<EpilogueValues> values);

  /// The sums with the bias added.
  std::pair<Values, Values> biased(Value tile, const EpilogueValues &values);
  std::pair<Values, Values> rotated(Value tile, const EpilogueValues &values);
  void loadBias(Value tile, Value pair, int64_t pairs, bool paired, EpilogueOperands &operands);
  void loadTurns(Value tile, Value pair, int64_t pairs, Value row, EpilogueOperands &operands);
  void loadResiduals(Value tile, Value pair, int64_t pairs, Value row, bool paired, EpilogueOperands &operands);
  /// Elements of a row of the weight's outputs from feature `feature` on; anything for features beyond N.
  Values loadOutputs(mlir::Type element, Value rowPointer, Value feature, int64_t count);

  /// Stores the first and second elements of pairs that begin with pair `pair` of a head.
  void storePairs(mlir::Type element, Value head, Value pair, llama::RotaryLayout layout,
                  const std::pair<Values, Values> &values);
  void ifValid(Value valid, llvm::function_ref<void()> body);

  /// Tiles of the query, and of the keys, in a weight of a split kernel; tiles of a head.
  int64_t queryTiles() { return widthOf(region.split.getParts()[0]) / 16; }
  int64_t keyTiles() { return widthOf(region.split.getParts()[1]) / 16; }
  int64_t headTiles() { return region.headDim() / 16; }
  static int64_t widthOf(Value activation) {
    return mlir::cast<mlir::RankedTensorType>(activation.getType()).getDimSize(1);
  }

  CudaBuilder &b;
  LinearRegion &region;
  const CudaFrame &frame;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_LINEAR_LINEAREPILOGUE_H
