//===- Passes.h - Schedule selection ----------------------------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_SCHEDULE_PASSES_H
#define QUIPU_CODEGEN_SCHEDULE_PASSES_H

#include "ir/Llama/Llama.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace quipu::codegen {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "codegen/schedule/Passes.h.inc"

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_SCHEDULE_PASSES_H
