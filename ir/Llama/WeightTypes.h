//===- WeightTypes.h - Element types of weights -----------------*- C++ -*-===//
//
// An element of a weight is a number (f32, f16, bf16) or belongs to a `!llama.block`. Their sizes are those of the
// table of weight formats, runtime/abi/WeightFormat.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_LLAMA_WEIGHTTYPES_H
#define QUIPU_IR_LLAMA_WEIGHTTYPES_H

#include "ir/Llama/Llama.h"
#include "runtime/abi/WeightFormat.h"

namespace quipu::llama {

/// The format of weights with such elements; null if it has none.
const WeightFormat *weightFormatOf(mlir::Type element);

/// The element type of weights of a format.
mlir::Type elementTypeOf(mlir::MLIRContext *context, const WeightFormat &format);

/// Whether rows of such elements can lie interleaved (runtime/abi/InterleavedRows.h).
bool canInterleave(mlir::Type element);

/// Bytes of a weight of static shape and of whole blocks; 0 of what is no weight.
int64_t weightBytesOf(mlir::RankedTensorType type);

} // namespace quipu::llama

#endif // QUIPU_IR_LLAMA_WEIGHTTYPES_H
