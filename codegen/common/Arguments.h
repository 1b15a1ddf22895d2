//===- Arguments.h - The pointers behind a kernel's arguments ---*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_ARGUMENTS_H
#define QUIPU_CODEGEN_COMMON_ARGUMENTS_H

#include "ir/Llama/WeightTypes.h"

namespace quipu::codegen {

/// Number of pointers that an argument of this type becomes. A weight in parts has one pointer for each part. A cache
/// layer has three: pool of keys, pool of values, and block table.
inline unsigned pointersOf(mlir::Type type) {
  if (mlir::isa<llama::KVLayerType>(type))
    return 3;
  if (auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type))
    if (auto parts = mlir::dyn_cast_or_null<llama::RowPartsAttr>(tensor.getEncoding()))
      return parts.getRows().size();
  return 1;
}

/// Rows of a weight that lie interleaved; 1: rows lie one behind the other.
inline int64_t interleaveOf(mlir::Type type) {
  if (auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type))
    if (auto parts = mlir::dyn_cast_or_null<llama::RowPartsAttr>(tensor.getEncoding()))
      return parts.getInterleave();
  return 1;
}

/// Bytes of a weight among a kernel's arguments. 0 for other arguments: their number of rows is dynamic.
inline int64_t weightBytesOf(mlir::Type type) {
  auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() ? llama::weightBytesOf(tensor) : 0;
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_ARGUMENTS_H
