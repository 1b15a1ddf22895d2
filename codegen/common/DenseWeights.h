//===- DenseWeights.h - Kernels that read numbers alone ---------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_DENSEWEIGHTS_H
#define QUIPU_CODEGEN_COMMON_DENSEWEIGHTS_H

#include "ir/Llama/Llama.h"

namespace quipu::codegen {

/// Fails with a diagnostic where a weight of the kernel lies in blocks, which emitters for GPUs do not decode.
inline mlir::LogicalResult expectDenseWeights(llama::KernelOp kernel) {
  for (mlir::Type type : kernel.getArgumentTypes())
    if (auto tensor = mlir::dyn_cast<mlir::RankedTensorType>(type);
        tensor && mlir::isa<llama::BlockType>(tensor.getElementType()))
      return kernel.emitOpError() << "has a weight " << type
                                  << "; kernels for GPUs read weights of f32, f16 and bf16: leave out --quantize, or "
                                     "compile for a CPU";
  return mlir::success();
}

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_DENSEWEIGHTS_H
