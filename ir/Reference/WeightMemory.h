//===- WeightMemory.h - Weights as they lie in memory -----------*- C++ -*-===//
//
// The evaluator's part of what the runtime does when it loads a weight.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_REFERENCE_WEIGHTMEMORY_H
#define QUIPU_IR_REFERENCE_WEIGHTMEMORY_H

#include "ir/Llama/Llama.h"

#include <functional>

namespace quipu::llama {

/// Writes the tensor named `source`, row-major and of the given element type (of a weight), to `out`.
using WeightFill = std::function<void(llvm::StringRef source, llvm::ArrayRef<int64_t> shape, WeightRole role,
                                      mlir::Type elementType, void *out)>;

/// Writes the slices of tensors that a weight consists of to `out`, each row where the layout of the weight puts it: in
/// `#llama.paired_rows` where runtime/abi/RowOrder.h says, otherwise below the row in front of it.
void fillWeight(WeightOp weight, const WeightFill &fill, char *out);

} // namespace quipu::llama

#endif // QUIPU_IR_REFERENCE_WEIGHTMEMORY_H
