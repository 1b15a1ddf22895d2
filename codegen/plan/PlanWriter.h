//===- PlanWriter.h - From a planned module to a plan -----------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_PLAN_PLANWRITER_H
#define QUIPU_CODEGEN_PLAN_PLANWRITER_H

#include "codegen/cpu/CpuKernel.h"
#include "frontends/common/Model.h"
#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::codegen {

/// What a plan says beside the module and its code.
struct PlanOptions {
  /// Bounds of the key/value cache: positions of a sequence, sequences alive at once.
  uint32_t maxSeq = 0;
  uint32_t maxBatch = 1;
  /// Type of the activations that enter dot products.
  frontend::DType computeDType = frontend::DType::f32;
  /// Folder that the plan will lie in, to name weight files relative to it; empty when it is written to a stream.
  std::string folder;
  /// Bytes of the tokenizer's file; empty: none.
  std::string tokenizer;
};

/// Serialises the programs of `module` (after llama-plan-memory), their kernels and the code of these into the
/// FlatBuffer of runtime/plan/plan.fbs, without the container's header. The content hashes of weight files must have
/// been computed. Fails with diagnostics on the module.
mlir::FailureOr<std::vector<uint8_t>> buildPlan(mlir::ModuleOp module, const std::vector<GeneratedKernel> &kernels,
                                                llvm::ArrayRef<char> library, const CpuTarget &target,
                                                const frontend::Model &model, const PlanOptions &options);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_PLANWRITER_H
