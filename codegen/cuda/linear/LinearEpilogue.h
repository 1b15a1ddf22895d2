//===- LinearEpilogue.h - What follows the product --------------*- C++ -*-===//
//
// The epilogue of a linear kernel takes sums from registers. It adds a bias, turns rotary pairs and appends to the
// cache, computes act(gate) * up, or adds the residual. Then it stores. All linear emitters use it. Sums whose
// probabilities are wanted are not stored (RowSoftmax.h).
//
// The rows of a weight lie in tiles of 16 (#llama.paired_rows). A tile has eight pairs: row p (0 to 7) is the first
// element of pair p, and row p + 8 is the second. A pair is a rotary pair, or the gate and the up projection of a
// feature. In a plain weight it is the features 16 * tile + p and 16 * tile + p + 8.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_LINEAR_LINEAREPILOGUE_H
#define QUIPU_CODEGEN_CUDA_LINEAR_LINEAREPILOGUE_H

#include "codegen/common/LinearRegion.h"
#include "codegen/cuda/vocabulary/CudaFrame.h"

#include <array>

namespace quipu::codegen::cuda {

/// f32 values of some pairs: their first and their second elements. Single features have no second ones.
struct PairValues {
  llvm::SmallVector<mlir::Value, 1> first = {}, second = {};
};

/// What the epilogue of some pairs reads from memory, in registers.
struct EpilogueOperands {
  /// For each kind of stage, by its number in EpilogueStage; empty where nothing was loaded. Cosines and sines of a
  /// RotateStage are first and second.
  std::array<PairValues, std::variant_size_v<EpilogueStage>> ofStages = {};
  PairValues &of(const EpilogueStage &stage) { return ofStages[stage.index()]; }
  /// See LinearEpilogue::cacheRow.
  mlir::Value cacheRow = {};
};

/// Sums of neighbouring pairs of one tile, for one row of the step.
struct EpilogueValues {
  /// `pair`: number of the first pair in its tile (i32, 0 to 7, a multiple of the number of pairs). In a kernel that
  /// does not combine pairs the values may be single features; then it is the number of the first feature (0 to 15).
  /// `row`: row of the step (i32).
  mlir::Value pair, row;
  /// Whether the row exists (i1); null: always.
  mlir::Value valid;
  /// The f32 sums of 1, 2, 4 or 8 pairs: their first and their second elements. `second` is empty for single features.
  llvm::SmallVector<mlir::Value> first, second;
  /// What load() has loaded already. store() loads the rest.
  EpilogueOperands operands = {};
};

class LinearEpilogue {
public:
  LinearEpilogue(CudaBuilder &b, LinearRegion &region, const CudaFrame &frame) : b(b), region(region), frame(frame) {}

  /// Whether the epilogue can do the region; fails with a diagnostic on the kernel. Before anything is emitted.
  static mlir::LogicalResult check(LinearRegion &region);

  /// Finishes and stores values of tile number `tile` (i32). There is one branch by the kind of tile (query, key,
  /// value). Rows of the weight beyond N are dropped. Call it after waitForPrevious(). Any number of threads may call
  /// it; the values are the thread's own.
  void store(mlir::Value tile, llvm::ArrayRef<EpilogueValues> values);

  /// The sums of a tile of a kernel that stores none, behind the stages in front of the last; and the target of their
  /// row (i32), which load() has loaded.
  PairValues logits(mlir::Value tile, const EpilogueValues &values);
  mlir::Value target(const EpilogueValues &values);

  /// Loads what store() will need for `pairs` pairs. Emit it early, so that the loads run while the product is
  /// computed. It has no branches: it loads for every kind of tile. Call it after waitForPrevious(). `paired`: false
  /// for single features. `cacheRow`: if it is known already.
  EpilogueOperands load(mlir::Value tile, mlir::Value pair, int64_t pairs, mlir::Value row, mlir::Value valid,
                        bool paired = true, mlir::Value cacheRow = {});
  /// Zeros in the form of what load() gives for one pair.
  EpilogueOperands noOperands();
  /// Whether the kernel combines the elements of a pair.
  static bool combinesPairs(const LinearRegion &region) { return !region.combinedRows().empty(); }
  /// Whether the epilogue does nothing with the sums but add a bias and store them.
  static bool onlyStores(const LinearRegion &region);

  /// Where a row of the step is appended: byte offset (i64) of its head 0 in the pools of keys and values. It is -1 if
  /// nothing is appended, because `valid` is false or the row is padding. It is null in kernels that append nothing. A
  /// thread that stores many tiles of a row computes it once (EpilogueOperands::cacheRow). The second function gives -1
  /// also if `tile` belongs to the queries.
  mlir::Value cacheRow(mlir::Value row, mlir::Value valid);
  mlir::Value cacheRow(mlir::Value tile, mlir::Value row, mlir::Value valid);

  /// 16-row tiles of the weight.
  static int64_t countTiles(LinearRegion &region) { return (region.outputs() + 15) / 16; }

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;

  /// Rows of the step for which a tile of the weight is finished: `tile` counts from the first of the section.
  struct SectionTile {
    const LinearSection &section;
    Value tile, tileInSection;
  };

  /// The sections from number `index` on: a branch for each but the last.
  void storeSections(size_t index, Value tile, llvm::ArrayRef<EpilogueValues> values);
  void storeSection(const SectionTile &at, llvm::ArrayRef<EpilogueValues> values);
  /// Applies all stages but the last, which writes.
  PairValues finish(const SectionTile &at, const EpilogueValues &values);
  void append(const SectionTile &at, const AppendStage &stage, llvm::ArrayRef<EpilogueValues> values);
  void storeHeads(const SectionTile &at, const RotateStage &stage, llvm::ArrayRef<EpilogueValues> values);
  void storeGated(const SectionTile &at, llvm::ArrayRef<EpilogueValues> values);
  void storePlain(const SectionTile &at, llvm::ArrayRef<EpilogueValues> values);
  /// Address of a row of the result.
  Value resultRow(Value row);

  /// What a stage reads for pairs of a row of the step; nothing for the other stages.
  struct OperandPlace {
    Value tile, pair;
    int64_t pairs;
    Value row;
    bool paired;
  };
  PairValues loadStage(const BiasStage &stage, const OperandPlace &at);
  PairValues loadStage(const RotateStage &stage, const OperandPlace &at);
  PairValues loadStage(const ResidualStage &stage, const OperandPlace &at);
  /// One target, whatever the number of pairs.
  PairValues loadStage(const LogProbStage &stage, const OperandPlace &at);
  template <typename StageT> PairValues loadStage(const StageT &, const OperandPlace &) { return {}; }
  void loadIfMissing(const EpilogueStage &stage, const OperandPlace &at, EpilogueOperands &operands);

  /// What a stage makes of the sums. Stages that write do not change them.
  void apply(const BiasStage &, const PairValues &operands, PairValues &sums) { addTo(sums, operands); }
  void apply(const ResidualStage &, const PairValues &operands, PairValues &sums) { addTo(sums, operands); }
  void apply(const RotateStage &, const PairValues &operands, PairValues &sums);
  void apply(const GateStage &stage, const PairValues &operands, PairValues &sums);
  void apply(const ArgMaxStage &, const PairValues &, PairValues &) { llvm_unreachable("CudaKernel.cpp refuses it"); }
  void apply(const LogProbStage &, const PairValues &, PairValues &) {}
  void apply(const AppendStage &, const PairValues &, PairValues &) {}
  void apply(const StoreStage &, const PairValues &, PairValues &) {}
  void addTo(PairValues &sums, const PairValues &others);

  /// Elements of a row of the weight's outputs from feature `feature` on; anything for features beyond N.
  Values loadOutputs(mlir::Type element, Value rowPointer, Value feature, int64_t count);
  PairValues loadOutputs(mlir::Type element, Value rowPointer, const OperandPlace &at);
  /// Stores features from `feature` on, without those beyond N.
  void storeFeatures(mlir::Type element, Value row, Value feature, llvm::ArrayRef<Value> values);
  /// Stores the first and second elements of pairs that begin with pair `pair` of a head.
  void storePairs(mlir::Type element, Value head, Value pair, llama::RotaryLayout layout, const PairValues &values);
  void ifValid(Value valid, llvm::function_ref<void()> body);

  /// Tiles of a head.
  int64_t headTiles() { return region.headDim() / 16; }

  CudaBuilder &b;
  LinearRegion &region;
  const CudaFrame &frame;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_LINEAR_LINEAREPILOGUE_H
