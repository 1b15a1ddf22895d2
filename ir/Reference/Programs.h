//===- Programs.h - Programs as plain functions -----------------*- C++ -*-===//

#ifndef QUIPU_IR_REFERENCE_PROGRAMS_H
#define QUIPU_IR_REFERENCE_PROGRAMS_H

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace quipu::llama {

/// Leaves functions of semantic ops alone in a module: a launch becomes the ops of its kernel, a reference to a weight
/// an argument of the function, a program a function with a C interface. Generated code is dropped: what it computes is
/// what its kernel says.
void makePlainFunctions(mlir::ModuleOp module);

} // namespace quipu::llama

#endif // QUIPU_IR_REFERENCE_PROGRAMS_H
