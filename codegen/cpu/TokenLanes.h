//===- TokenLanes.h - Features of rows that lie in lanes --------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_CPU_TOKENLANES_H
#define QUIPU_CODEGEN_CPU_TOKENLANES_H

#include "codegen/cpu/KernelFrame.h"

namespace quipu::codegen::cpu {

/// Stores vectors over the rows of a tile that begins at `tileBase`: values[i] is feature `first + features[i]`. With
/// pack 2 two neighbouring features make one vector, and `first` is even.
void storeFeatures(KernelBuilder &b, const ActivationLayout &layout, mlir::Value tileBase,
                   llvm::ArrayRef<int64_t> features, llvm::ArrayRef<mlir::Value> values, mlir::Value first);

} // namespace quipu::codegen::cpu

#endif // QUIPU_CODEGEN_CPU_TOKENLANES_H
