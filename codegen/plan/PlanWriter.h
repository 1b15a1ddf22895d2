//===- PlanWriter.h - From a planned module to a plan -----------*- C++ -*-===//

#ifndef QUIPU_CODEGEN_PLAN_PLANWRITER_H
#define QUIPU_CODEGEN_PLAN_PLANWRITER_H

#include "frontends/common/Model.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/abi/plan_generated.h"

#include <cstdint>
#include <string>
#include <vector>

namespace quipu::codegen {

/// What a plan contains besides the module and its code.
struct PlanOptions {
  /// Bounds of the key/value cache: positions of a sequence, and number of sequences at the same time.
  uint32_t maxSeq = 0;
  uint32_t maxBatch = 1;
  /// Type of the activations that enter dot products.
  frontend::DType computeDType = frontend::DType::f32;
  /// Folder of the plan. Paths of weight files are stored relative to it. Empty if the plan is written to a stream.
  std::string folder;
  /// What the compiler keeps for people; null: nothing.
  const plan::InsightT *insight = nullptr;
};

/// The machine that a plan is for.
struct PlanTarget {
  /// "cpu", "cuda".
  std::string device;
  /// What the user asked for ("host", "sm_90a").
  std::string requested;
  /// Features that the machine must have beyond its architecture.
  std::vector<std::string> features;
};

/// Compiled code of some of a variant's kernels.
struct PlanCode {
  plan::CodeFormat format;
  /// The machine that it runs on ("x86_64", "sm_90a").
  std::string isa;
  std::vector<char> bytes;
  /// For PTX: its version, 10 * major + minor.
  int ptxVersion = 0;
};

/// A complete set of programs, kernels and code.
struct PlanVariant {
  std::string isa;
  /// The module after llama-plan-memory and llama-emit-cpu or llama-emit-cuda.
  mlir::ModuleOp module;
  std::vector<PlanCode> code;
};

/// Serialises the variants, which share weights and cache, into the FlatBuffer of runtime/abi/plan.fbs, without the
/// container's header. Kernels of the second variant and later ones are named after its architecture too
/// ("sm_80.decode.qkv"). Samples of the weight files are read and hashed; hashes of all bytes are written where the
/// index has them. Fails with diagnostics on a module, or throws quipu::Error that names a weight file or
/// the tokenizer.
mlir::FailureOr<std::vector<uint8_t>> buildPlan(const PlanTarget &target, llvm::ArrayRef<PlanVariant> variants,
                                                const frontend::Model &model, const PlanOptions &options);

} // namespace quipu::codegen

#endif // QUIPU_CODEGEN_PLAN_PLANWRITER_H
