//===- PairedRows.h - Results of products with paired rows ------*- C++ -*-===//

#ifndef QUIPU_IR_REFERENCE_PAIREDROWS_H
#define QUIPU_IR_REFERENCE_PAIREDROWS_H

#include "mlir/Support/LLVM.h"

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace quipu::llama {

/// A linear whose weight lies in `#llama.paired_rows` computes a feature for each row of the weight as it lies. Puts
/// these features in the order in which the ops behind the linear number them. Which row holds which feature is told by
/// these ops, as it is for the epilogues of generated kernels, and not by the layout: so a layout that is another than
/// the epilogue takes for granted gives wrong numbers here too. Fails with a diagnostic where the ops behind a linear
/// combine no pairs.
mlir::LogicalResult orderPairedFeatures(mlir::ModuleOp module);

} // namespace quipu::llama

#endif // QUIPU_IR_REFERENCE_PAIREDROWS_H
