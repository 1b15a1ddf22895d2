//===- LoneOp.h - Kernels of a single op ------------------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_COMMON_LONEOP_H
#define QUIPU_CODEGEN_COMMON_LONEOP_H

#include "ir/Llama/Llama.h"

namespace quipu::codegen {

/// The only op of a kernel besides its terminator, as an `Op`; null when the region is anything else.
template <typename Op> Op onlyOp(llama::KernelOp kernel) {
  auto ops = kernel.getBody().front().without_terminator();
  return llvm::hasSingleElement(ops) ? mlir::dyn_cast<Op>(*ops.begin()) : Op();
}

/// Fails with the diagnostic that no emitter of the target takes `op`, the only op of `kernel`. `emitted`: names of the
/// ops for which the target has pointwise emitters.
mlir::LogicalResult refuseAlone(llama::KernelOp kernel, mlir::Operation *op, llvm::ArrayRef<llvm::StringRef> emitted);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_COMMON_LONEOP_H
