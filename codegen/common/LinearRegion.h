//===- LinearRegion.h - What a linear kernel computes -----------*- C++ -*-===//
//
// Reads the region of a linear kernel as prologue o product o epilogue. The emitters of every target start from this.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_COMMON_LINEARREGION_H
#define QUIPU_CODEGEN_COMMON_LINEARREGION_H

#include "codegen/common/GeneratedKernel.h"
#include "ir/Llama/Llama.h"

namespace quipu::codegen {

struct LinearRegion {
  /// Fails with a diagnostic on `kernel` when its region is none of the fused forms.
  static mlir::FailureOr<LinearRegion> match(llama::KernelOp kernel);

  llama::KernelOp kernel;
  /// Which rows the kernel works on. match() goes by the kernel alone, which may select them; who knows the program
  /// that launches it sets this.
  RowDim rows = RowDim::Tokens;
  llama::GatherRowsOp gather; // may be null
  llama::RMSNormOp norm;      // may be null
  llama::LinearOp linear;
  llama::AddOp residual;                   // may be null
  llama::GateOp gate;                      // may be null
  llama::SplitOp split;                    // may be null
  llama::RotateOp rotateQuery, rotateKeys; // may be null
  llama::KVAppendOp append;                // may be null

  /// The activation that the kernel reads, before gathering and norm.
  mlir::Value source();
  /// The other operand of the residual addition.
  mlir::Value residualOperand();
  /// K and N of the weight.
  int64_t inputs() { return mlir::cast<mlir::RankedTensorType>(linear.getWeight().getType()).getDimSize(1); }
  int64_t outputs() { return mlir::cast<mlir::RankedTensorType>(linear.getWeight().getType()).getDimSize(0); }
  int64_t headDim();
  /// The number of rows, from the frame of an entry (KernelFrame, CudaFrame).
  template <typename Frame> mlir::Value rowCount(const Frame &frame) const {
    return rows == RowDim::Outputs ? frame.outputs : frame.tokens;
  }
  /// Type of the normalised input, when the schedule keeps it in memory.
  mlir::Type workspaceType();

private:
  /// An op whose operands are not the ops in front of it and arguments, or the terminator where it yields something
  /// else than the last op's result; null when data flow as the emitters take for granted.
  mlir::Operation *findStray();
  /// Queries and keys are turned by one table, in heads of one size and layout.
  mlir::LogicalResult checkRotates();
};

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_LINEARREGION_H
