//===- Arguments.h - The pointers behind a kernel's arguments ---*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_ARGUMENTS_H
#define QUIPU_CODEGEN_COMMON_ARGUMENTS_H

#include "ir/Llama/WeightTypes.h"

namespace quipu::codegen {

/// Number of pointers that an argument of this type becomes: a weight in parts gives one a part; a cache layer gives K
/// pool, V pool and block table.
inline unsigned pointersOf(mlir::Type type) {
  if (mlir::isa<llama::KVLayerType>(type))
    return 3;
  if (auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type))
    if (auto parts = mlir::dyn_cast_or_null<llama::RowPartsAttr>(tensor.getEncoding()))
      return parts.getRows().size();
  return 1;
}

/// Bytes of a weight among a kernel's arguments; 0 for everything else (weights have static shapes, activations
/// dynamic rows).
inline int64_t weightBytesOf(mlir::Type type) {
  auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() ? llama::weightBytesOf(tensor) : 0;
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_ARGUMENTS_H
