//===- RowAccess.h - Activations as pointwise kernels see them --*- C++ -*-===//
//
// A pointwise kernel works on one row at a time, with vectors along the features, or on the rows that lie in the lanes
// of a tile, with a vector along them for each feature. The emitters are the same for both.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CPU_ROWACCESS_H
#define QUIPU_CODEGEN_CPU_ROWACCESS_H

#include "codegen/common/GeneratedKernel.h"
#include "codegen/cpu/KernelFrame.h"
#include "codegen/cpu/WeightOperand.h"

namespace quipu::codegen::cpu {

/// Address of feature `k` of `row`, in any layout.
mlir::Value addressOf(KernelBuilder &b, const ActivationLayout &layout, mlir::Value base, mlir::Value row,
                      mlir::Value k);

/// Emits body(row) for every row of the thread's part of the grid. A block has `rowsPerBlock` rows.
void forEachRow(KernelBuilder &b, const KernelFrame &frame, int64_t rowsPerBlock, RowDim rows,
                llvm::function_ref<void(mlir::Value)> body);

/// A row, or a tile of rows, of an activation.
class RowAccess {
public:
  using Values = KernelBuilder::Values;

  /// `block`: number of the row, or of the tile where rows lie in lanes.
  RowAccess(KernelBuilder &b, mlir::Type type, mlir::Value base, mlir::Value block);

  bool isTile() const { return layout.lanes != 0; }
  /// Loads `count` features from feature `k` on, in f32. The result is one vector of features (row-major), or for each
  /// feature a vector of rows (token lanes). If features lie in pairs, k and count are even.
  Values load(mlir::Value k, int64_t count);
  void store(mlir::Value k, llvm::ArrayRef<mlir::Value> values);
  /// The first and the second elements of `count` pairs of neighbours from feature `k` on.
  std::pair<Values, Values> loadPairs(mlir::Value k, int64_t count);
  void storePairs(mlir::Value k, llvm::ArrayRef<mlir::Value> first, llvm::ArrayRef<mlir::Value> second);
  /// Constants of `count` features from `k` on (a norm's weight), in the form of the result of load().
  Values loadConstants(const WeightOperand &constants, mlir::Value base, mlir::Value k, int64_t count);
  /// The sum over features that have the form of the result of load(): a scalar, or a vector of rows.
  mlir::Value sumFeatures(llvm::ArrayRef<mlir::Value> features) {
    return isTile() ? b.sumHalves(features) : b.sumLanes(features.front());
  }
  /// Brings a sum into the form of the result of load() for `count` features, so that the two can be multiplied.
  mlir::Value spread(mlir::Value sum, int64_t count) { return isTile() ? sum : b.splat(sum, count); }
  /// Zeros in the form of the result of load() for `count` features.
  Values zeros(int64_t count) {
    return Values(isTile() ? static_cast<size_t>(count) : 1, b.splat(0.0f, isTile() ? layout.lanes : count));
  }

  /// Number of features to load and store at once, for runs of `extent` features.
  static int64_t countFor(llvm::ArrayRef<RowAccess> activations, int64_t extent, int64_t lanes);

private:
  KernelBuilder &b;
  ActivationLayout layout;
  mlir::Value start;
};

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_ROWACCESS_H
