//===- Convergent.h - Instructions that threads execute together -*- C++ -*-===//
//
// LLVM may duplicate an instruction into branches, or sink it there, unless the call is convergent. It knows this of
// the NVVM dialect's operations; of text it must be told, and the LLVM dialect's inline_asm has no place for it. So the
// fact is an attribute beside the operation, llama.convergent, which becomes LLVM's when the operation is translated.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_CODEGEN_CUDA_CONVERGENT_H
#define QUIPU_CODEGEN_CUDA_CONVERGENT_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"

namespace quipu::codegen::cuda {

inline constexpr llvm::StringLiteral kConvergent = "llama.convergent";

inline void declareConvergent(mlir::Operation *op) { op->setAttr(kConvergent, mlir::UnitAttr::get(op->getContext())); }

} // namespace quipu::codegen::cuda

#endif // QUIPU_CODEGEN_CUDA_CONVERGENT_H
