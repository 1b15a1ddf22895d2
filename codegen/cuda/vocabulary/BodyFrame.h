//===- BodyFrame.h - Where a body stands ------------------------*- C++ -*-===//
//
// What the body of every kernel works with, whatever its parameters are: which part of the kernel's grid it works on,
// and the kernels around it.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_VOCABULARY_BODYFRAME_H
#define QUIPU_CODEGEN_CUDA_VOCABULARY_BODYFRAME_H

#include "codegen/cuda/vocabulary/Barriers.h"
#include "codegen/cuda/vocabulary/Handover.h"

#include <optional>

namespace quipu::codegen::cuda {

/// Number of a block in a kernel's grid, and the grid's size (i32), along x (0) and y (1).
struct GridPlace {
  mlir::Value block[2], gridSize[2];
};

class BodyFrame {
public:
  /// Without `place`, the place is that of the block in the grid that runs.
  BodyFrame(CudaBuilder &builder, const Handover &handover, std::optional<GridPlace> place = std::nullopt)
      : builder(builder), handover(handover), place(place) {}
  BodyFrame(const BodyFrame &) = delete;
  BodyFrame &operator=(const BodyFrame &) = delete;

  /// Number of the block in the kernel's grid, and the grid's size (i32), along x (0) or y (1).
  mlir::Value block(unsigned dim) const { return place ? place->block[dim] : builder.block(dim); }
  mlir::Value gridSize(unsigned dim) const { return place ? place->gridSize[dim] : builder.gridSize(dim); }

  /// See Handover.
  void waitForPrevious() const { handover.waitForPrevious(builder); }
  void letNextStart() const { handover.letNextStart(builder); }
  void leaveIf(mlir::Value condition) const { handover.leaveIf(builder, condition); }
  void retire(llvm::ArrayRef<Barriers> barriers) const { handover.retire(builder, barriers); }

private:
  CudaBuilder &builder;
  const Handover &handover;
  std::optional<GridPlace> place;
};

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_VOCABULARY_BODYFRAME_H
