//===- Reference.h - The reference lowering ---------------------*- C++ -*-===//
//
// The meaning of the dialect in terms of upstream dialects, run by upstream's own lowering. Documented in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_REFERENCE_REFERENCE_H
#define QUIPU_IR_REFERENCE_REFERENCE_H

#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

#include <memory>

namespace mlir {
class DialectRegistry;
class ModuleOp;
} // namespace mlir

namespace quipu::llama {

#define GEN_PASS_DECL
#include "ir/Reference/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "ir/Reference/Passes.h.inc"

/// From the llama dialect to the LLVM dialect: llama-to-linalg, bufferization and upstream's conversions.
void buildReferencePipeline(mlir::OpPassManager &manager);

/// Registers `llama-reference-pipeline`.
void registerReferencePipeline();

/// The dialects and interfaces that the pipeline needs.
void registerReferenceDialects(mlir::DialectRegistry &registry);

} // namespace quipu::llama

#endif // QUIPU_IR_REFERENCE_REFERENCE_H
